"""The scoring routes through real clients, bad bodies, limits, access."""

import asyncio
import base64
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import textwrap

import pytest
from fake_daemon import (  # noqa: F401 (fixtures)
    TRACE,
    VECTORS,
    body_of,
    error_of,
    post,
    read_all,
    server,
    start,
    status,
)

CHAT = "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\nan answer<|im_end|>"


def score(daemon, body, **kw):
    reply = daemon.ask(post(body, **kw))
    return status(reply), json.loads(body_of(reply))


# ---- clients ----------------------------------------------------------------


def curl(*words, **kw):
    return subprocess.run(
        ["curl", "-sS", "-m", "10", *words], capture_output=True, text=True, check=True, **kw
    ).stdout


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_curl(server):
    body = json.dumps(TRACE)
    plain = json.loads(curl(server.url + "/v1/rewards", "-d", body))
    assert [s["index"] for s in plain["results"][0]["steps"]] == [0, 1]
    as_json = curl(server.url + "/v1/rewards", "--json", body)  # with an Accept of its own
    assert json.loads(as_json)["results"] == plain["results"]
    table = curl(server.url + "/v1/rewards", "-d", body, "-H", "Accept: text/plain")
    assert "2 + 12 = 15" in table and not table.startswith("{")
    assert "event: done" in curl(
        "-N", server.url + "/v1/rewards", "-d", body, "-H", "Accept: text/event-stream"
    )
    assert curl("--http2", server.url + "/livez") == "alive\n"
    assert curl("--http1.0", server.url + "/v1/rewards", "-d", body).startswith("{")
    assert curl("-I", server.url + "/livez").startswith("HTTP/1.1 200 OK")


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_curl_large_body_expects_continue(server, tmp_path):
    big = tmp_path / "big.json"
    big.write_text(json.dumps({"prompt": "p", "trace": {"steps": ["x"] * 2500}}) + " " * 2000000)
    out = subprocess.run(
        ["curl", "-sv", "-m", "10", server.url + "/v1/rewards", "-d", f"@{big}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "100 Continue" in out.stderr
    assert len(json.loads(out.stdout)["results"][0]["steps"]) == 2500


def test_http_client(server):
    c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    for _ in range(3):
        c.request("POST", "/v1/rewards", json.dumps(TRACE), {"Content-Type": "application/json"})
        reply = c.getresponse()
        assert reply.status == 200 and json.load(reply)["object"] == "rewards"
    c.close()


def test_requests(server):
    requests = pytest.importorskip("requests")
    with requests.Session() as session:
        for _ in range(3):
            assert session.post(server.url + "/v1/rewards", json=TRACE, timeout=10).ok
        stream = session.post(
            server.url + "/v1/rewards", json={**TRACE, "stream": True}, stream=True, timeout=10
        )
        events = [json.loads(line)["event"] for line in stream.iter_lines()]
    assert events == ["start", "step", "step", "trace", "done"]


def test_aiohttp(server):
    aiohttp = pytest.importorskip("aiohttp")

    async def run():
        async def one():
            async with aiohttp.ClientSession() as session:  # as OpenRLHF does: one per sample
                async with session.post(
                    server.url + "/get_reward",
                    json={"query": ["qa\n\nb"], "prompts": ["q"], "labels": [None]},
                ) as reply:
                    return (await reply.json())["rewards"]

        return await asyncio.gather(*(one() for _ in range(200)))

    rewards = asyncio.run(run())
    assert len(rewards) == 200 and len({r[0] for r in rewards}) == 1


def node_modules():
    for folder in (
        os.environ.get("REWARDD_NODE_MODULES"),
        os.path.join(os.environ.get("REWARDD_CACHE", ""), "npm/node_modules"),
    ):
        if folder and os.path.isdir(os.path.join(folder, "eventsource-parser")):
            return folder
    return None


@pytest.mark.skipif(
    not shutil.which("node") or not node_modules(),
    reason="needs node and npm package eventsource-parser (REWARDD_NODE_MODULES)",
)
def test_eventsource_parser(server, tmp_path):
    script = tmp_path / "read.cjs"
    script.write_text(
        textwrap.dedent("""
        const {createParser} = require(process.argv[2] + "/eventsource-parser");
        const seen = [];
        const parser = createParser({onEvent: e => seen.push([e.event, e.id ?? null,
                                                              JSON.parse(e.data).event])});
        fetch(process.argv[3] + "/v1/rewards", {method: "POST", body: process.argv[4],
              headers: {"Content-Type": "application/json", Accept: "text/event-stream"}})
          .then(async r => {
            const decoder = new TextDecoder();
            for await (const piece of r.body) parser.feed(decoder.decode(piece, {stream: true}));
            console.log(JSON.stringify(seen));
          });
    """)
    )
    out = subprocess.run(
        ["node", str(script), node_modules(), server.url, json.dumps(TRACE)],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    ).stdout
    seen = json.loads(out)
    tag = seen[0][1].split(".")[0]
    assert seen == [
        ["start", f"{tag}.0", "start"],
        ["step", f"{tag}.0.1", "step"],
        ["step", f"{tag}.0.2", "step"],
        ["trace", f"{tag}.1", "trace"],
        ["done", None, "done"],
    ]


# ---- scoring ----------------------------------------------------------------


def test_forms_agree(server):
    _, whole = score(server, TRACE)
    reply = server.ask(post({**TRACE, "stream": True}))
    text, rest = b"", body_of(reply)
    while rest:
        size, rest = rest.split(b"\r\n", 1)
        n = int(size, 16)
        text, rest = text + rest[:n], rest[n + 2 :]
    events = [json.loads(line) for line in text.splitlines()]
    steps = [
        {k: v for k, v in e.items() if k not in ("event", "item", "trace")}
        for e in events
        if e["event"] == "step"
    ]
    assert steps == whole["results"][0]["steps"]


def test_batch_one_bad_trace(server):
    code, reply = score(
        server,
        {
            "items": [
                {"prompt": "a", "traces": [{"steps": ["one"]}, {"steps": []}, {"text": "x\n\ny"}]},
                {"prompt": "b", "trace": {"steps": [""]}},
            ]
        },
    )
    assert code == 200
    results = reply["results"]
    assert [(r["item"], r["trace"]) for r in results] == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert results[0]["error"] is None and results[2]["error"] is None
    assert results[1]["error"]["code"] == "empty_trace"
    assert results[3]["error"]["code"] == "empty_trace"
    assert [r["separator"] for r in results] == [None, None, "\n\n", None]
    assert results[2]["split"] and [s["bytes"] for s in results[2]["steps"]] == [[0, 3], [3, 4]]


def test_many_traces_leave_as_a_stream(server):
    traces = [{"steps": [f"step {i}", f"end {i}"]} for i in range(1000)]
    c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    c.request("POST", "/v1/rewards", json.dumps({"prompt": "p", "traces": traces}))
    reply = c.getresponse()
    assert reply.getheader("Transfer-Encoding") == "chunked"
    results = json.load(reply)["results"]
    assert [r["trace"] for r in results] == list(range(1000))
    assert all(len(r["steps"]) == 2 and r["error"] is None for r in results)


def test_stop_below(start):
    daemon = start(models=["process"])
    steps = [f"step number {i}" for i in range(200)]
    _, all_steps = score(daemon, {"prompt": "p", "trace": {"steps": steps}})
    rewards = [s["reward"] for s in all_steps["results"][0]["steps"]]
    first = next(i for i, r in enumerate(rewards) if r < 0.3)
    _, reply = score(daemon, {"prompt": "p", "trace": {"steps": steps}, "stop_below": 0.3})
    got = [s["reward"] for s in reply["results"][0]["steps"]]
    assert got[: first + 1] == rewards[: first + 1] and set(got[first + 1 :]) == {None}
    assert reply["results"][0]["process"]["stopped"] is True
    assert reply["usage"]["scored_tokens"] < all_steps["usage"]["scored_tokens"]


def test_deadline(start):
    daemon = start(models=["process:step20000"])
    code, reply = score(
        daemon, {"prompt": "p", "trace": {"steps": ["a"] * 100}, "deadline_ms": 100}
    )
    assert code == 200
    result = reply["results"][0]
    assert result["error"]["code"] == "deadline_exceeded"
    assert result["process"]["reward"] is None


def test_overlong(start):
    daemon = start(models=["process:ctx50"])
    body = {"prompt": "p", "trace": {"steps": ["word " * 8] * 10}}
    _, reply = score(daemon, body)
    assert reply["results"][0]["error"]["code"] == "context_exceeded"
    _, reply = score(daemon, {**body, "overlong": "drop_steps"})
    result = reply["results"][0]
    assert result["truncated"] is True
    assert "truncated_input" in [f["name"] for f in result["flags"]]
    rewards = [s["reward"] for s in result["steps"]]
    assert len(rewards) == 10 and rewards[0] is not None and rewards[-1] is None


def test_models_chosen(server):
    _, reply = score(server, {**TRACE, "model": None})
    assert (
        reply["model"]["process"] is None and reply["results"][0]["outcome"]["reward"] is not None
    )
    code, reply = score(server, {**TRACE, "model": "fake-pmr"})
    assert code == 404 and "fake-prm" in reply["error"]["hint"]
    code, reply = score(server, {**TRACE, "model": "fake-orm"})
    assert code == 422 and reply["error"]["code"] == "model_kind"


def test_text_rules(server):
    _, reply = score(server, {"prompt": "p", "trace": {"steps": ["a<|im_end|>", "b\0c\ud800"]}})
    flags = {f["name"]: f["value"] for f in reply["results"][0]["flags"]}
    assert flags == {"special_token_text": 1, "hidden_text": 2}
    _, reply = score(server, {"prompt": "p", "flags": "off", "trace": {"steps": ["a<|im_end|>"]}})
    assert reply["results"][0]["flags"] == []


@pytest.mark.parametrize(
    "body, expected",
    [
        ({"query": [CHAT]}, 1),
        ({"query": ["q a", "q b"], "prompts": ["q ", "q "]}, 2),
        ({"query": ["q a"], "prompts": ["q "], "labels": [None]}, 1),
        ({"query": ["q a"], "prompts": ["q "], "labels": ["42"], "extra": 1}, 1),
        ({"query": [], "prompts": [], "labels": []}, 0),
    ],
)
def test_get_reward_eras(server, body, expected):
    code, reply = score(server, body, path="/get_reward")
    assert code == 200
    assert len(reply["rewards"]) == len(reply["scores"]) == expected
    for values in reply["extra_logs"].values():
        assert len(values) == expected and all(isinstance(v, (int, float)) for v in values)


def test_get_reward_never_a_zero(server):
    code, reply = score(
        server, {"query": ["only a prompt"], "prompts": ["only a prompt"]}, path="/get_reward"
    )
    assert code >= 400 and reply["error"]["code"] == "empty_trace"


# ---- bad bodies -------------------------------------------------------------


def test_json_test_suite(server):
    files = sorted((VECTORS / "malformed/JSONTestSuite/test_parsing").iterdir())
    assert len(files) > 300
    for file in files:
        reply = server.ask(post(file.read_bytes()))
        error = error_of(reply)
        # none of them is a request; those that are no JSON must be told apart from those that are
        if file.name.startswith("n_"):
            too_deep = status(reply) == 422 and "nested deeper" in error["message"]
            assert too_deep or (
                status(reply) == 400 and error["code"] in ("invalid_json", "invalid_utf8")
            ), (file.name, reply)
        elif file.name.startswith("y_"):
            assert error["code"] not in ("invalid_json", "invalid_utf8", "internal_error"), (
                file.name,
                reply,
            )
        else:
            assert 400 <= status(reply) < 500, (file.name, reply)
    assert score(server, TRACE)[0] == 200


@pytest.mark.parametrize(
    "bad", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"]
)
def test_invalid_utf8(server, bad):
    reply = server.ask(post(b'{"prompt":"p","trace":{"steps":["' + bad + b'"]}}'))
    assert status(reply) == 400 and error_of(reply)["code"] == "invalid_utf8"


def test_unknown_field(server):
    code, reply = score(server, {"prompt": "p", "trase": {"steps": ["a"]}})
    assert code == 400 and "trace" in reply["error"]["hint"]


@pytest.mark.parametrize(
    "option, value, body, code",
    [
        ("--body-max", "200", {"prompt": "p" * 300, "trace": {"steps": ["a"]}}, 413),
        ("--items-max", "2", {"items": [{"prompt": "p", "trace": {"steps": ["a"]}}] * 3}, 422),
        ("--traces-max", "2", {"prompt": "p", "traces": [{"steps": ["a"]}] * 3}, 422),
        ("--steps-max", "2", {"prompt": "p", "trace": {"steps": ["a"] * 3}}, None),
        ("--text-max", "100", {"prompt": "p", "trace": {"steps": ["a" * 101]}}, None),
        (
            "--messages-max",
            "1",
            {"messages": [{"role": "user", "content": "a"}] * 2, "trace": {"steps": ["a"]}},
            422,
        ),
        ("--request-memory", "4k", {"prompt": "p", "traces": [{"steps": ["a"]}] * 50}, 413),
    ],
)
def test_limits_name_their_option(start, option, value, body, code):
    daemon = start(option, value)
    got, reply = score(daemon, body)
    if code is not None:
        assert got == code
    error = reply.get("error") or reply["results"][0]["error"]
    assert option in (error["hint"] or "") + error["message"], error
    assert not error["retryable"]  # the same bytes would be refused again


def test_request_memory_is_a_refusal_of_the_request(start):
    """Over the cap while the tokens are made: not one trace is at fault, and a retry meets it
    again."""
    daemon = start("--request-memory", "256k")
    big = {"prompt": "p", "traces": [{"steps": ["word " * 200] * 20}] * 50}
    code, reply = score(daemon, big)
    assert code == 413 and reply["error"]["code"] == "request_too_large"
    assert "--request-memory" in reply["error"]["hint"] and not reply["error"]["retryable"]
    assert score(daemon, {"prompt": "p", "trace": {"steps": ["a"]}})[0] == 200


def test_server_timing(server):
    for body, path in ((TRACE, "/v1/rewards"), ({"query": [CHAT]}, "/get_reward")):
        head = server.ask(post(body, path=path)).split(b"\r\n\r\n")[0].decode()
        found = re.search(
            r"\r\nServer-Timing: queue;dur=([\d.]+), cpu;dur=([\d.]+), total;dur=([\d.]+)\r\n",
            head + "\r\n",
        )
        assert found and float(found.group(3)) > 0, head
    assert b"Server-Timing" not in server.ask(post({**TRACE, "stream": True}))


@pytest.mark.parametrize(
    "header, logged",
    [
        (
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "4bf92f3577b34da6a3ce929d0e0e4736",
        ),
        (
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "4bf92f3577b34da6a3ce929d0e0e4736",
        ),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "-"),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", "-"),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "-"),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", "-"),
        ("x", "-"),
        ("", "-"),
    ],
)
def test_traceparent_is_in_the_access_log(start, header, logged):
    daemon = start("--access-log", "all", "--log-level", "info", "--drain-delay", "0")
    assert status(daemon.ask(post(TRACE, headers=[f"traceparent: {header}"]))) == 200
    daemon.terminate()
    log = daemon.process.communicate(timeout=10)[1]
    assert f" trace_id={logged} method=POST route=/v1/rewards" in log, log


def test_chunked_body_over_the_limit(start):
    daemon = start("--body-max", "1000")
    head = b"POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    reply = daemon.ask(head + b"200\r\n" + b" " * 512 + b"\r\n" + b"200\r\n" + b" " * 512 + b"\r\n")
    assert status(reply) == 413 and "--body-max" in error_of(reply)["hint"]


def partial(daemon, declared, sent, source="127.0.0.1"):
    """A request whose body never comes to its end."""
    s = socket.create_connection(("127.0.0.1", daemon.port), timeout=5, source_address=(source, 0))
    s.sendall(
        b"POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % declared
        + b" " * sent
    )
    return s


def test_declared_lengths_hold_nothing(start):
    """33 connections of 160 bytes each took all of --bodies-memory once."""
    daemon = start("--bodies-memory", "1M")
    held = [partial(daemon, 1000000, 1) for _ in range(33)]
    assert status(daemon.ask(post(TRACE))) == 200
    assert daemon.metrics()["rewardd_http_body_bytes"] == 33
    for s in held:
        s.close()
    assert status(daemon.ask(partial_head(2000000))) == 413  # it would never fit


def partial_head(declared):
    return b"POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % declared


def test_who_takes_all_the_room_stops_nobody_else(start):
    daemon = start("--bodies-memory", "1M")
    held = [partial(daemon, 400000, 390000) for _ in range(4)]
    refused = 0
    for s in held:
        s.settimeout(0.5)
        try:
            refused += status(s.recv(4096)) == 429
        except TimeoutError:
            pass  # it waits for the rest of its body
    assert refused == 2
    body = daemon.metrics()["rewardd_http_body_bytes"]
    assert 700000 < body < 900000
    padded = post(json.dumps(TRACE).encode() + b" " * 100000)
    assert status(daemon.ask(padded)) == 429
    assert b"Retry-After: " in daemon.ask(padded)
    with socket.create_connection(
        ("127.0.0.1", daemon.port), timeout=5, source_address=("127.0.0.2", 0)
    ) as other:
        other.sendall(padded)
        assert status(read_all(other)) == 200
    # a trainer waits for room: 429 would be the end of its run
    query = json.dumps({"query": ["q a"], "prompts": ["q "]}).encode() + b" " * 100000
    with daemon.connect() as trainer:
        trainer.sendall(post(query, path="/get_reward"))
        trainer.settimeout(0.5)
        with pytest.raises(TimeoutError):
            trainer.recv(1)
        for s in held:
            s.close()
        trainer.settimeout(5)
        assert status(read_all(trainer)) == 200


def test_ten_thousand_steps(server):
    c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    c.request("POST", "/v1/rewards", json.dumps({"prompt": "p", "trace": {"steps": ["a"] * 10000}}))
    reply = c.getresponse()
    steps = json.load(reply)["results"][0]["steps"]
    assert reply.status == 200 and [s["index"] for s in steps] == list(range(10000))
    assert all(0 <= s["reward"] <= 1 for s in steps)


# ---- access -----------------------------------------------------------------


@pytest.fixture
def keyed(start, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("# team\nlab first-secret-key\nsecond-secret-key\n")
    return start("--api-key-file", str(keys)), keys


def test_keys(keyed):
    daemon, _ = keyed
    basic = base64.b64encode(b"any:second-secret-key").decode()
    assert score(daemon, TRACE)[0] == 401
    assert score(daemon, TRACE, headers=["Authorization: Bearer wrong-key-wrong"])[0] == 401
    assert score(daemon, TRACE, headers=["Authorization: Bearer first-secret-key"])[0] == 200
    assert score(daemon, TRACE, headers=[f"Authorization: Basic {basic}"])[0] == 200
    assert score(daemon, TRACE, headers=["Authorization: Basic !!!"])[0] == 401
    reply = daemon.ask(b"GET /nope HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert status(reply) == 401 and b"WWW-Authenticate: Bearer" in reply
    for probe in (b"/livez", b"/readyz", b"/healthz"):
        assert status(daemon.ask(b"GET " + probe + b" HTTP/1.0\r\n\r\n")) == 200
    assert status(daemon.ask(b"GET /metrics HTTP/1.0\r\n\r\n")) == 401


def test_key_in_the_url(keyed):
    requests = pytest.importorskip("requests")
    daemon, _ = keyed
    url = f"http://user:first-secret-key@127.0.0.1:{daemon.port}/get_reward"
    assert requests.post(url, json={"query": [CHAT]}, timeout=10).status_code == 200


def test_refused_before_the_body(keyed):
    daemon, _ = keyed
    with daemon.connect() as s:
        s.sendall(
            b"POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        assert status(s.recv(4096)) == 401


@pytest.mark.parametrize(
    "origin, host, allowed",
    [
        ("http://evil.example", "localhost", False),
        ("http://evil.example:7392", "evil.example:7392", False),  # DNS rebinding
        ("null", "localhost", False),
        ("http://localhost:7392", "localhost:7392", True),
        ("http://127.0.0.1:7392", "127.0.0.1:7392", True),
    ],
)
def test_origin(server, origin, host, allowed):
    body = json.dumps(TRACE).encode()
    reply = server.ask(
        f"POST /v1/rewards HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    assert status(reply) == (200 if allowed else 403)
    assert b"Access-Control" not in reply


@pytest.mark.parametrize(
    "header, code",
    [
        ("Content-Type: text/plain", 415),
        ("Content-Encoding: gzip", 415),
        ("Content-Encoding: identity", 200),
        ("Content-Type: application/json; charset=utf-8", 200),
        ("Expect: something", 417),
        ("Accept: image/png", 406),
        ("Accept: */*", 200),
    ],
)
def test_negotiation(server, header, code):
    body = json.dumps(TRACE).encode()
    reply = server.ask(
        f"POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\n{header}\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    assert status(reply) == code, reply
