"""A stream of server-sent events that is cut goes on behind the last event that arrived: whatever
the cut and whichever replica answers, no step is missing or doubled, and the bits are the same."""

import http.client
import json

import pytest
from daemon import Daemon

GROUP = {
    "prompt": "What is 2 + 3 * 4?",
    "traces": [
        {"steps": ["3 * 4 = 12", "2 + 12 = 14", "The answer is 14."]},
        {"steps": []},  # refused: its event is an error
        {"text": "First 2 + 3 = 5.\n\nThen 5 * 4 = 20."},
        {"steps": [f"step {i} of a longer trace" for i in range(9)]},
    ],
    "stream": True,
}


class Cut(Exception):
    pass


def events(port, body, last=None, until=None):
    """(id, data) of each event; the connection is cut behind event number `until`."""
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
    if last is not None:
        headers["Last-Event-ID"] = last
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/v1/rewards", json.dumps(body), headers)
    reply = connection.getresponse()
    if reply.status != 200:
        raise Cut(reply.status, reply.read())
    seen, current = [], {}
    for raw in reply:
        line = raw.decode().rstrip("\n")
        if line:
            name, _, value = line.partition(": ")
            current[name] = value
            continue
        if "data" in current:
            seen.append((current.get("id"), json.loads(current["data"])))
        current = {}
        if until is not None and len(seen) == until:
            break
    connection.close()
    return seen


def content(seen):
    """What was said of each step and trace; fails on what is said twice."""
    said = {}
    for _, event in seen:
        if event["event"] == "step":
            key = ("step", event["item"], event["trace"], event["index"])
        elif event["event"] == "trace":
            key = ("trace", event["item"], event["trace"])
        else:
            key = (event["event"],)
        assert key not in said, f"twice: {key}"
        said[key] = event if event["event"] in ("step", "trace") else None
    return said


def resumed(port, body, other_port, until):
    head = events(port, body, until=until)
    last = [event_id for event_id, _ in head if event_id is not None]
    rest = events(other_port, body, last=last[-1])
    if head[-1][1]["event"] == "done":
        head.pop()
    return content(head + rest)


@pytest.fixture(scope="module")
def other(rewardd_bin, models):
    """A replica with other threads, other chunks and no prefix cache."""
    options = ("--threads", "2", "--chunk-tokens", "32", "--prefix-cache", "0")
    with Daemon(models, *options) as d:
        yield d.wait_ready()


def test_cut_behind_every_event(daemon, other):
    whole = events(daemon.port, GROUP)
    said = content(whole)
    assert whole[-1][0] is None and all(event_id for event_id, _ in whole[:-1])
    assert len(said) == 1 + (3 + 2 + 9) + 4 + 1
    for until in range(1, len(whole) + 1):
        assert resumed(daemon.port, GROUP, other.port, until) == said


def test_cut_of_more_traces_than_are_told_at_a_time(daemon, other):
    many = dict(GROUP, traces=[GROUP["traces"][i % 4] for i in range(150)])
    said = content(events(daemon.port, many))
    assert len(said) == 2 + sum(1 for key in said if key[0] == "step") + 150
    for until in range(1, len(said), 151):
        assert resumed(daemon.port, many, other.port, until) == said


def test_the_replica_dies(rewardd_bin, models, other):
    slow = dict(GROUP, traces=[{"steps": [f"{i} and {j}" for j in range(40)]} for i in range(80)])
    with Daemon(models, "--threads", "1") as dying:
        dying.wait_ready()
        connection = http.client.HTTPConnection("127.0.0.1", dying.port, timeout=60)
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        connection.request("POST", "/v1/rewards", json.dumps(slow), headers)
        reply = connection.getresponse()
        seen, current = [], {}
        try:
            for raw in reply:
                name, _, value = raw.decode().rstrip("\n").partition(": ")
                current[name] = value
                if "" in current:
                    if "data" in current:
                        seen.append((current.get("id"), json.loads(current["data"])))
                    current = {}
                    if len(seen) == 20:
                        dying.process.kill()
        except (OSError, http.client.HTTPException):
            pass
    assert len(seen) >= 20 and seen[-1][1]["event"] != "done"
    rest = events(other.port, slow, last=seen[-1][0])
    assert content(seen + rest) == content(events(other.port, slow))


@pytest.mark.parametrize("last", ["5", "0" * 16 + ".0", "0.0.1", "-", "é"])
def test_ids_of_nobody(daemon, last):
    with pytest.raises(Cut) as refused:
        events(daemon.port, GROUP, last=last)
    assert refused.value.args[0] == 400
    assert json.loads(refused.value.args[1])["error"]["param"] == "Last-Event-ID"


def test_an_id_belongs_to_its_body(daemon):
    event_id = events(daemon.port, GROUP, until=3)[-1][0]
    with pytest.raises(Cut) as refused:
        events(daemon.port, dict(GROUP, prompt="What is 2 + 3 * 5?"), last=event_id)
    assert refused.value.args[0] == 400
    # More steps than the trace has, by a client that makes up ids.
    tag = event_id.split(".")[0]
    for made_up in (f"{tag}.0.4", f"{tag}.1.1", f"{tag}.5"):
        with pytest.raises(Cut) as refused:
            events(daemon.port, GROUP, last=made_up)
        assert refused.value.args[0] == 400
    assert [e["event"] for _, e in events(daemon.port, GROUP, last=f"{tag}.4")] == ["done"]


def test_lines_and_documents_have_no_ids(daemon):
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=60)
    headers = {"Content-Type": "application/json", "Last-Event-ID": "5"}
    connection.request("POST", "/v1/rewards", json.dumps(GROUP), headers)
    lines = [json.loads(line) for line in connection.getresponse()]
    assert lines[0]["event"] == "start" and lines[-1]["event"] == "done"
    assert "id" not in lines[1]
