"""From an alarm to the traces behind it: labels in replies, texts that are kept, pages of the list,
runs as text, runs that are deleted or forgotten. Scores are those of the engine without arithmetic.
"""

import asyncio
import json
import os
import sqlite3
import urllib.error
import urllib.request

import pytest
from fake_daemon import FAKE, Daemon
from test_runs import check, get, post, show

from rewardd import AsyncClient, Client

pytestmark = pytest.mark.skipif(
    not FAKE or not os.path.exists(FAKE), reason="no built daemon: set REWARDD_BUILD"
)
WINDOW = 64
WARM = ("--runs-warm", "400")  # rules on windows alone: texts that count their steps do drift


def send(daemon, body, path="/v1/rewards", method="POST"):
    request = urllib.request.Request(
        daemon.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    request.method = method
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.load(reply)


def refused(daemon, path, method="GET"):
    try:
        with urllib.request.urlopen(urllib.request.Request(daemon.url + path, method=method)):
            raise AssertionError(f"{path} was answered")
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["error"]


def train(daemon, run, first, last, steps=2):
    """Traces of one prompt each, in requests of sixteen, so that windows end among them."""
    for begin in range(first, last, 16):
        items = [
            {
                "prompt": f"question {k:04d}?",
                "traces": [[f"trace {k} does step {i}" for i in range(steps)]],
                "sample_index": 1000 + k,
            }
            for k in range(begin, min(begin + 16, last))
        ]
        send(daemon, {"items": items, "run": {"id": run, "step": begin // 16}})


def jump(daemon, run="r"):
    """Two quiet windows, then solutions of four times as many steps: steps_jump rings."""
    train(daemon, run, 0, 2 * WINDOW)
    train(daemon, run, 2 * WINDOW, 4 * WINDOW, steps=8)
    state = show(daemon, run, 4 * WINDOW)
    assert state["open_alarms"] > 0, "the planted jump rang nothing"
    return state


def test_every_result_carries_the_label_that_alarms_use():
    with Daemon() as d:
        items = [
            {"prompt": "a?", "traces": [["x", "y"], ["z"]], "sample_index": 5},
            {"prompt": "b?", "trace": "x"},
        ]
        run = {"id": "r", "step": 3, "sample_index": 9}
        reply = send(d, {"items": items, "run": run})
        labels = [r["label"] for r in reply["results"]]
        assert [(x["item"], x["trace"], x["sample_index"]) for x in labels] == [
            (0, 0, 5),
            (0, 1, 5),
            (1, 0, 9),
        ]
        assert {(x["request_id"], x["step"]) for x in labels} == {(reply["id"], 3)}
        for label in labels:
            check(label, "RunLabel")
        check(reply, "Reply")
        assert "label" not in send(d, {"prompt": "a?", "trace": "x"})["results"][0]


@pytest.mark.parametrize("durable", [False, True])
def test_alarms_lead_to_texts(tmp_path, durable):
    options = [
        "--runs-window",
        str(WINDOW),
        *WARM,
        "--runs-keep-traces",
        "12",
        "--drain-delay",
        "0",
    ]
    if durable:
        options += ["--runs-db", str(tmp_path / "runs.db")]
    with Daemon(*options) as d:
        state = jump(d)
        kept = get(d, "/v1/runs/r/traces")
        check(kept, "RunTraces")
        assert kept["keep"] == 12 and 0 < len(kept["data"]) <= 12
        named = {
            (t["request_id"], t["item"], t["trace"]): t for t in kept["data"] if t["why"] == "named"
        }
        wanted = [label for alarm in state["alarms"] for label in alarm["traces"]]
        assert wanted, "the alarm names nobody"
        assert kept["named_without_text"] == 0
        for label in wanted:
            trace = named[(label["request_id"], label["item"], label["trace"])]
            k = label["sample_index"] - 1000
            assert trace["prompt"] == f"question {k:04d}?"
            assert trace["text"].startswith(f"trace {k} does step 0\ntrace {k} does step 1")
            assert (trace["step"], trace["sample_index"]) == (label["step"], label["sample_index"])
            assert len(trace["step_rewards"]) == trace["text"].count("\n") + 1
        typical = [t for t in kept["data"] if t["why"] == "typical"]
        assert typical and typical[0]["at_trace"] <= WINDOW
        d.terminate()
        d.wait()
    if durable:
        with Daemon(*options) as d:
            assert get(d, "/v1/runs/r/traces") == kept


def test_the_typical_trace_is_nearest_to_the_mean_of_its_window():
    with Daemon("--runs-window", str(WINDOW), *WARM, "--runs-keep-traces", "4") as d:
        rewards = {}
        for k in range(WINDOW):
            body = {"prompt": f"q {k:04d}", "trace": [f"step {k}"], "run": {"id": "r"}}
            reply = send(d, body)
            rewards[reply["id"]] = reply["results"][0]["outcome"]["reward"]
        show(d, "r", WINDOW)
        mean = sum(rewards.values()) / len(rewards)
        [typical] = get(d, "/v1/runs/r/traces")["data"]
        nearest = min(abs(r - mean) for r in rewards.values())
        assert abs(typical["outcome_reward"] - mean) == pytest.approx(nearest, abs=1e-6)


def test_long_and_hostile_texts_are_cut_and_stay_text():
    with Daemon("--runs-window", str(WINDOW), *WARM, "--runs-keep-traces", "3") as d:
        nasty = "<script>\u202e\u0000\U0001f600\"'\\" * 1000
        items = [{"prompt": nasty, "trace": {"steps": [nasty]}} for _ in range(WINDOW)]
        send(d, {"items": items, "run": {"id": "r"}})
        show(d, "r", WINDOW)
        [trace] = get(d, "/v1/runs/r/traces")["data"]
        whole = nasty.replace("\0", "\ufffd")
        assert (
            trace["cut"] and whole.startswith(trace["prompt"]) and whole.startswith(trace["text"])
        )
        assert 4090 < len(trace["prompt"].encode()) <= 4096
        assert 16380 < len(trace["text"].encode()) <= 16384


def test_without_the_option_no_text_is_kept():
    with Daemon("--runs-window", str(WINDOW), *WARM) as d:
        state = jump(d)
        named = {json.dumps(label) for alarm in state["alarms"] for label in alarm["traces"]}
        assert get(d, "/v1/runs/r/traces") == {
            "object": "list",
            "keep": 0,
            "data": [],
            "named_without_text": len(named),
        }
    with Daemon("--runs-window", str(WINDOW), *WARM, "--runs-keep-traces", "3") as d:
        state = jump(d)  # names five, three texts have room
        kept = get(d, "/v1/runs/r/traces")
        named = {json.dumps(label) for alarm in state["alarms"] for label in alarm["traces"]}
        have = [t for t in kept["data"] if t["why"] == "named"]
        assert kept["named_without_text"] == len(named) - len(have) > 0
    with Daemon("--runs-keep-traces", "257", wait=False) as d:
        _, err = d.process.communicate(timeout=10)
        assert d.process.returncode != 0 and "--runs-keep-traces" in err


def test_of_a_run_no_more_than_n_are_kept_and_the_first_typical_one_stays():
    with Daemon("--runs-window", str(WINDOW), *WARM, "--runs-keep-traces", "3") as d:
        train(d, "r", 0, 6 * WINDOW)
        show(d, "r", 6 * WINDOW)
        data = get(d, "/v1/runs/r/traces")["data"]
        assert [t["window"] for t in data] == [0, 4, 5]


def test_the_list_has_pages():
    with Daemon("--runs-memory", "30") as d:
        names = [f"run {k}" for k in range(7)]
        for name in names:
            post(d, {"id": name}, range(1))
            show(d, name, 2)
        found, cursor, pages = [], "", 0
        while cursor is not None:
            page = get(d, f"/v1/runs?limit=3{cursor and '&cursor=' + cursor}")
            check(page, "RunList")
            assert len(page["data"]) <= 3
            found += [r["id"] for r in page["data"]]
            cursor = page["next_cursor"]
            pages += 1
        assert sorted(found) == names and pages == 3
        assert get(d, "/v1/runs?limit=7")["next_cursor"] is None
        for bad in ["limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=1_", "cursor=nan_1"]:
            code, error = refused(d, f"/v1/runs?{bad}")
            assert (code, error["param"]) == (400, bad.split("=")[0])


def test_labels_of_a_run():
    with Daemon() as d:
        labels = {"policy": "qwen-7b", "git.sha": "ab/12", "note": '"<b>ü'}
        send(d, {"prompt": "q", "trace": "x", "run": {"id": "r", "labels": labels}})
        assert show(d, "r", 1)["labels"] == labels
        send(d, {"prompt": "q", "trace": "x", "run": {"id": "r"}})  # none: they stay
        assert show(d, "r", 2)["labels"] == labels
        send(d, {"prompt": "q", "trace": "x", "run": {"id": "r", "labels": {"a": "b"}}})
        assert show(d, "r", 3)["labels"] == {"a": "b"}
        assert get(d, "/v1/runs")["data"][0]["labels"] == {"a": "b"}
        for bad in [{"a b": "x"}, {"": "x"}, {"a": 1}, {"a": "\n"}, {"a": "x" * 129}, [], "x"]:
            body = {"prompt": "q", "trace": "x", "run": {"id": "r", "labels": bad}}
            with pytest.raises(urllib.error.HTTPError) as caught:
                send(d, body)
            assert caught.value.code == 400 and b"run.labels" in caught.value.read()
        many = {f"k{i}": "v" for i in range(9)}
        with pytest.raises(urllib.error.HTTPError):
            send(d, {"prompt": "q", "trace": "x", "run": {"id": "r", "labels": many}})


def test_a_run_as_text():
    with Daemon("--runs-window", str(WINDOW), *WARM) as d:
        state = jump(d)
        request = urllib.request.Request(d.url + "/v1/runs/r", headers={"Accept": "text/plain"})
        with urllib.request.urlopen(request) as reply:
            assert reply.headers["Content-Type"].startswith("text/plain")
            text = reply.read().decode()
        assert state["alarms"][0]["sentence"] in text
        assert state["alarms"][0]["traces"][0]["request_id"] in text
        last = state["windows"][-1]
        assert f"{last['outcome_reward']['value']:9.3f}" in text
        with urllib.request.urlopen(d.url + "/v1/runs/r") as reply:
            assert json.load(reply)["object"] == "run"


@pytest.mark.parametrize("durable", [False, True])
def test_a_deleted_run_says_so(tmp_path, durable):
    options = ["--drain-delay", "0"] + (["--runs-db", str(tmp_path / "r.db")] if durable else [])
    with Daemon(*options) as d:
        post(d, {"id": "a/b"}, range(3))
        show(d, "a/b", 6)
        stream = urllib.request.urlopen(d.url + "/v1/runs/a%2Fb/events", timeout=10)
        assert send(d, None, "/v1/runs/a%2Fb", "DELETE") == {"object": "run", "deleted": True}
        assert b"forgotten" in stream.read()  # its event streams end
        for path in ["", "/traces", "/events"]:
            code, error = refused(d, "/v1/runs/a%2Fb" + path)
            assert (code, error["code"]) == (410, "run_forgotten")
            assert "deleted on request" in error["message"]
        assert refused(d, "/v1/runs/a%2Fb", "DELETE")[0] == 410
        assert refused(d, "/v1/runs/never", "DELETE")[0] == 404
        assert get(d, "/v1/runs")["data"] == []
        d.terminate()
        d.wait()
    with Daemon(*options) as d:
        assert refused(d, "/v1/runs/a%2Fb")[0] == (410 if durable else 404)
        post(d, {"id": "a/b"}, range(2))
        assert show(d, "a/b", 4)["traces"] == 4  # begun anew


def test_runs_with_open_alarms_are_forgotten_last():
    with Daemon("--runs-window", str(WINDOW), *WARM, "--runs-memory", "2") as d:
        jump(d, "rings")
        for name in ["one", "two", "three"]:
            post(d, {"id": name}, range(2))
            show(d, name, 4)
        assert {r["id"] for r in get(d, "/v1/runs")["data"]} == {"rings", "three"}
        code, error = refused(d, "/v1/runs/one")
        assert code == 410 and "--runs-memory" in error["message"]
        send(d, None, "/v1/runs/rings/acknowledge")
        post(d, {"id": "three"}, range(2))  # used later than the run that was acknowledged
        show(d, "three", 8)
        post(d, {"id": "four"}, range(2))
        show(d, "four", 4)
        assert {r["id"] for r in get(d, "/v1/runs")["data"]} == {"three", "four"}


def test_runs_kept_spares_open_alarms(tmp_path):
    options = ["--runs-memory", "1", "--runs-kept", "2", "--runs-db", str(tmp_path / "r.db")]
    with Daemon("--runs-window", str(WINDOW), *WARM, *options) as d:
        jump(d, "rings")
        for name in ["one", "two"]:
            post(d, {"id": name}, range(2))
            show(d, name, 4)
        assert {r["id"] for r in get(d, "/v1/runs")["data"]} == {"rings", "two"}
        assert "--runs-kept" in refused(d, "/v1/runs/one")[1]["message"]


def test_a_database_of_the_first_schema_is_taken_over(tmp_path):
    path = tmp_path / "runs.db"
    with Daemon("--runs-db", str(path), "--drain-delay", "0") as d:
        post(d, {"id": "old"}, range(3))
        before = show(d, "old", 6)
        d.terminate()
        d.wait()
    file = sqlite3.connect(path)
    file.executescript(
        "drop table traces; drop table forgotten; alter table runs drop column labels;"
        "pragma user_version = 1;"
    )
    file.close()
    with Daemon("--runs-db", str(path), "--runs-keep-traces", "2") as d:
        after = show(d, "old")
        assert {**after, "updated": 0} == {**before, "updated": 0}
        assert get(d, "/v1/runs/old/traces")["data"] == []


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_python_client_has_it_all(monkeypatch, asynchronous):
    monkeypatch.setattr("rewardd._calls.RUNS_PAGE", 2)
    with Daemon("--runs-window", str(WINDOW), *WARM, "--runs-keep-traces", "40") as d:
        state = jump(d)
        for k in range(4):
            post(d, {"id": f"run {k}"}, range(1))
            show(d, f"run {k}", 2)
        if asynchronous:

            async def use():
                async with AsyncClient(d.url) as client:
                    scores = await client.score_items(
                        [{"prompt": "q", "trace": "x", "sample_index": 4}],
                        run={"id": "r", "labels": {"a": "b"}},
                    )
                    found = await client.runs(), await client.run_traces("r"), scores
                    return *found, await client.delete_run("r")

            runs, traces, scores, deleted = asyncio.run(use())
        else:
            with Client(d.url) as client:
                scores = client.score_items(
                    [{"prompt": "q", "trace": "x", "sample_index": 4}],
                    run={"id": "r", "labels": {"a": "b"}},
                )
                runs, traces = client.runs(), client.run_traces("r")
                deleted = client.delete_run("r")
        assert {r["id"] for r in runs} == {"r", *(f"run {k}" for k in range(4))}
        named = {t["request_id"] for t in traces if t["why"] == "named"}
        assert named == {t["request_id"] for a in state["alarms"] for t in a["traces"]}
        assert scores[0].reward is not None and deleted["deleted"] is True
        assert refused(d, "/v1/runs/r")[0] == 410
