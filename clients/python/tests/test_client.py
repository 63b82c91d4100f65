import asyncio
import json
import multiprocessing
import pickle
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import result

import rewardd
from rewardd import AsyncClient, Client, RewarddError, RewardUnavailable, StreamBroken, _wire
from rewardd.trl import reward_function


def wanted(text):
    return result(0, 0, text)["process"]["reward"]


def test_score(server):
    with Client(server.url, api_key="k") as client:
        score = client.score("p", steps=["a", "b"], aggregate="mean", outcome_model=False)
    assert score.reward == wanted("ab") and score.rewards == [wanted("ab")]
    path, body, headers = server.requests[0]
    assert path == "/v1/rewards" and headers["Authorization"] == "Bearer k"
    assert body == {
        "prompt": "p",
        "traces": [["a", "b"]],
        "aggregate": "mean",
        "outcome_model": None,
    }


FLAGGED = {
    "item": 0,
    "trace": 0,
    "error": None,
    "process": {"reward": 0.9, "aggregate": "min", "stopped": False, "error": None,
                "checked": {"reward": 0, "step": 1, "span": [6, 13], "error": None}},
    "outcome": {"reward": 0.8, "raw": 1.4, "verified": False, "error": None,
                "verified_reason": {"rule": "number", "message": "", "evidence": "box",
                                    "answer": "41", "reference": "42", "step": 1,
                                    "bytes": [3, 5]}},
    "gated": {"reward": 0, "ungated": 0.8, "of": "outcome", "by": ["answer_first"], "error": None},
    "split": False,
    "truncated": False,
    "steps": [],
    "flags": [
        {"name": "answer_first", "version": 1, "value": 0.02, "p": 0.004, "fired": True,
         "n_cal": 1000, "severity": "alarm", "step": 0, "span": [3, 5], "message": "early"},
        {"name": "prompt_gap", "version": 1, "value": None, "p": None, "fired": False, "n_cal": 0,
         "severity": "alarm", "step": None, "span": None, "message": "late",
         "error": "deadline_exceeded"},
    ],
}  # fmt: skip


def flagged(handler, body):
    handler.reply(200, {"results": [FLAGGED], "usage": {}})


def check_flagged(score, body):
    reference = body["items"][0]["reference"] if "items" in body else body["reference"]
    assert reference == 42 and body["gate"] == ["answer_first"] and body["domain"] == "d"
    assert score.reward == 0.9 and score.verified is False
    assert score.verified_reason.answer == "41" and score.verified_reason.bytes == (3, 5)
    assert (score.gated.reward, score.gated.ungated, score.gated.of) == (0, 0.8, "outcome")
    assert (score.checked.reward, score.checked.step, score.checked.span) == (0, 1, (6, 13))
    assert score.gated.by == ["answer_first"] and score.gated.error is None
    assert score.fired == ["answer_first"]
    first, second = score.flags
    assert (first.p, first.n_cal, first.span, first.error) == (0.004, 1000, (3, 5), None)
    assert (second.value, second.error, second.fired) == (None, "deadline_exceeded", False)


def test_flags_and_gates(server):
    server.plan = [flagged, flagged]
    options = {"reference": 42, "gate": ["answer_first"], "flags": "cheap", "domain": "d"}
    with Client(server.url) as client:
        check_flagged(client.score("p", steps=["a"], **options), server.requests[-1][1])

    async def again():
        async with AsyncClient(server.url) as client:
            return await client.score("p", steps=["a"], **options)

    check_flagged(asyncio.run(again()), server.requests[-1][1])


def test_a_sample_may_name_its_domain(server):
    sample = {"prompt": "p", "text": "t", "reference": 1, "domain": "d"}
    with Client(server.url) as client:
        client.score_many([sample])
    item = server.requests[0][1]["items"][0]
    assert item == {"prompt": "p", "trace": "t", "reference": 1, "domain": "d"}


def test_items_and_samples_may_be_numbered(server):
    with Client(server.url) as client:
        client.score_many([{"prompt": "p", "text": "t", "sample_index": 7}], run={"id": "r"})
        client.score_items([{"prompt": "p", "traces": ["t"], "sample_index": 8}])
    assert [body["items"][0]["sample_index"] for _, body, _ in server.requests] == [7, 8]


def test_connections_are_kept(server):
    with Client(server.url) as client:
        for _ in range(20):
            client.score("p", text="t")
    assert server.connections == 1


def test_many_keeps_order_and_errors(server):
    texts = [f"text {i}" if i % 7 else "BAD" for i in range(100)]
    with Client(server.url) as client:
        scores = client.score_many(({"prompt": "p", "text": t} for t in texts), batch_size=9)
        assert client.score_many([]) == []
    assert scores.rewards == [None if t == "BAD" else wanted(t) for t in texts]
    assert [s.item for s in scores] == list(range(100))
    assert {e.code for e in scores.errors} == {"empty_trace"}
    assert scores.usage["scored_tokens"] == 3 * 12


@pytest.mark.parametrize("plan", [(503, ()), (429, (("Retry-After", "0"),)), "drop"])
def test_retries(server, plan):
    server.plan = [plan, plan]
    with Client(server.url, retries=3) as client:
        assert client.score("p", text="t").reward == wanted("t")
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422, 500])
def test_what_is_not_retried(server, status):
    server.plan = [(status, ())]
    with Client(server.url) as client, pytest.raises(RewarddError) as caught:
        client.score("p", text="t")
    assert caught.value.status == status and caught.value.error.code == f"code_{status}"
    assert len(server.requests) == 1
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.error == caught.value.error


def test_failure_is_none_or_an_exception_never_a_number(server):
    samples = [{"prompt": "p", "text": "a"}, {"prompt": "p", "text": "b"}]
    with Client(server.url, retries=1, max_concurrency=1) as client:
        server.plan = [(503, ())] * 2
        scores = client.score_many(samples, batch_size=1)
        assert scores.rewards == [None, wanted("b")] and scores[0].error.code == "code_503"
        server.plan = [(503, ())] * 2
        with pytest.raises(RewardUnavailable):
            client.score_many(samples, on_error="raise")
        with pytest.raises(RewardUnavailable):
            client.score("p", text="BAD")
        assert client.score("p", text="BAD", on_error="none").reward is None
        with pytest.raises(ValueError):
            client.score_many(samples, on_error="zero")


def test_retry_after_is_a_floor():
    assert _wire.backoff_s(0, {"retry-after": "3"}) == 3
    assert _wire.backoff_s(0, {"retry-after": "999999"}) == _wire.RETRY_AFTER_MAX_S
    assert 0 < _wire.backoff_s(50, {"retry-after": "soon"}) <= _wire.BACKOFF_MAX_S


def test_nobody_there():
    with Client("http://127.0.0.1:1", retries=1) as client:
        with pytest.raises(RewardUnavailable, match="no answer"):
            client.score("p", text="t")
        began = time.monotonic()
        with pytest.raises(RewardUnavailable):
            client.wait_ready(0.3)
        assert time.monotonic() - began < 3


def lines(events, finish):
    def plan(handler, _):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for line in events:
            data = line.encode() + b"\n"
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        if finish:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True

    return plan


RUN_EVENTS = ["id: 4", "event: window", 'data: {"n": 1}', "", ": beat", ""]
LAST_EVENT = ["event: end", "data: {}", ""]


@pytest.mark.parametrize("end", [LAST_EVENT, []])
def test_run_events_of_both_clients(server, end):
    """The same events from both; without the last one the connection was lost."""
    server.plan = [lines(RUN_EVENTS + end, True), lines(RUN_EVENTS + end, True)]
    seen = {"sync": [], "async": []}

    def blocking():
        with Client(server.url) as client:
            for event in client.run_events("r/1", after=3):
                seen["sync"].append(event)

    async def with_asyncio():
        async with AsyncClient(server.url) as client:
            async for event in client.run_events("r/1", after=3):
                seen["async"].append(event)

    for run in (blocking, lambda: asyncio.run(with_asyncio())):
        if end:
            run()
        else:
            with pytest.raises(StreamBroken):
                run()
    want = [{"id": 4, "event": "window", "data": {"n": 1}}]
    want += [{"event": "end", "data": {}}] if end else []
    assert seen["sync"] == seen["async"] == want
    for path, _, headers in server.requests:
        assert path == "/v1/runs/r%2F1/events" and headers["Last-Event-ID"] == "3"


def test_stream(server):
    server.plan = [lines(['{"event":"start"}', '{"event":"step"}', '{"event":"done"}'], True)]
    with Client(server.url) as client:
        assert [e["event"] for e in client.stream("p", ["t"])] == ["start", "step", "done"]
    assert server.requests[0][1]["stream"] is True


@pytest.mark.parametrize("finish", [True, False])
@pytest.mark.parametrize("last", ['{"event":"step"}', '{"event":"error","error":{"code":"x"}}'])
def test_a_stream_without_done_is_broken(server, last, finish):
    server.plan = [lines(['{"event":"start"}', last], finish)]
    with Client(server.url, retries=0) as client, pytest.raises(StreamBroken):
        list(client.stream("p", ["t"]))


STEPS = [json.dumps({"event": "step", "item": 0, "trace": 0, "index": i}) for i in range(3)]
GOES_ON = [
    lines(['{"event":"start"}', *STEPS[:2]], False),
    lines(['{"event":"start"}', STEPS[0], '{"event":"error","error":{"code":"draining",'
           '"retryable":true}}'], True),
    lines(['{"event":"start"}', *STEPS, '{"event":"done"}'], True),
]  # fmt: skip
WHOLE = ["start", "step", "step", "step", "done"]


def test_a_stream_that_is_cut_goes_on(server):
    server.plan = list(GOES_ON)
    with Client(server.url) as client:
        events = list(client.stream("p", ["t"]))
    assert [e["event"] for e in events] == WHOLE and len(server.requests) == 3
    assert [e["index"] for e in events[1:4]] == [0, 1, 2]
    server.plan = list(GOES_ON)
    assert asyncio.run(events_of(server.url)) == WHOLE


def test_another_model_does_not_go_on(server):
    server.plan = [
        lines(['{"event":"start","model":{"process":{"digest":"a"}}}', STEPS[0]], False),
        lines(['{"event":"start","model":{"process":{"digest":"b"}}}', *STEPS], True),
    ]
    with Client(server.url) as client, pytest.raises(StreamBroken) as broken:
        list(client.stream("p", ["t"]))
    assert broken.value.error.code == "other_model"


async def events_of(url, retries=4):
    async with AsyncClient(url, retries=retries) as client:
        return [e["event"] async for e in client.stream("p", ["t"])]


def test_async_stream(server):
    server.plan = [lines(['{"event":"start"}', '{"event":"step"}', '{"event":"done"}'], True)]
    assert asyncio.run(events_of(server.url)) == ["start", "step", "done"]
    assert server.requests[0][1]["stream"] is True


@pytest.mark.parametrize("finish", [True, False])
@pytest.mark.parametrize("last", ['{"event":"step"}', '{"event":"error","error":{"code":"x"}}'])
def test_an_async_stream_without_done_is_broken(server, last, finish):
    server.plan = [lines(['{"event":"start"}', last], finish)]
    with pytest.raises(StreamBroken):
        asyncio.run(events_of(server.url, retries=0))


def child(client, queue):
    queue.put(client.score("p", text="t").reward)


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_other_processes(server, how):
    context = multiprocessing.get_context(how)
    with Client(server.url) as client:
        client.score("p", text="t")
        queue = context.Queue()
        process = context.Process(target=child, args=(client, queue))
        process.start()
        assert queue.get(timeout=30) == wanted("t")
        process.join()
        assert client.score("p", text="t").reward == wanted("t")


def test_async(server):
    async def main():
        async with AsyncClient(server.url, max_concurrency=4, retries=3) as client:
            await client.wait_ready(5)
            server.plan = [(503, ()), "drop", (429, ())]
            samples = [{"prompt": "p", "text": f"t{i}"} for i in range(50)]
            scores = await client.score_many(samples, batch_size=5)
            assert scores.rewards == [wanted(f"t{i}") for i in range(50)]
            assert (await client.score("p", steps=["a", "b"])).reward == wanted("ab")
            server.plan = [(422, ())]
            with pytest.raises(RewarddError):
                await client.score("p", text="t")
            server.plan = [lines(["x"], True)]
            with pytest.raises(ValueError):
                await client.score("p", text="t")
        return client

    client = asyncio.run(main())
    assert server.connections < 20

    async def again():
        return (await client.score("p", text="t")).reward

    assert asyncio.run(again()) == wanted("t")  # another loop: sockets are not shared
    assert pickle.loads(pickle.dumps(client)) is not None


def test_async_in_two_loops_at_once(server):
    """A loop that binds the client takes no socket of another's; both get their rewards."""
    client = AsyncClient(server.url)

    async def ask(name):
        return [(await client.score("p", text=f"{name}{i}")).reward for i in range(30)]

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda name: asyncio.run(ask(name)), "ab"))
    assert found == [[wanted(f"{name}{i}") for i in range(30)] for name in "ab"]


def test_async_gives_up(server):
    async def main():
        async with AsyncClient(server.url, retries=1) as client:
            server.plan = [(503, ())] * 2
            return await client.score_many([{"prompt": "p", "text": "t"}])

    assert asyncio.run(main()).rewards == [None]


def test_trl_adapter(server):
    class State:
        global_step = 7

    extra, metric = {}, {}
    with Client(server.url) as client:
        reward = reward_function(client, name="prm", run_id="r", aggregate="min")
        chat = [{"role": "user", "content": "q"}]
        got = reward(
            prompts=["p", "p", chat, chat],
            completions=["a", "BAD", [{"role": "assistant", "content": "c"}], "d"],
            completion_ids=[[1]] * 4,
            trainer_state=State(),
            log_extra=extra.__setitem__,
            log_metric=metric.__setitem__,
            answer=["1"] * 4,
        )
    assert got == [wanted("a"), None, wanted("c"), wanted("d")]
    assert reward.__name__ == "prm"
    body = server.requests[0][1]
    assert [len(item["traces"]) for item in body["items"]] == [2, 2]
    assert body["run"] == {"id": "r", "step": 7} and body["aggregate"] == "min"
    assert extra["prm_error"] == ["", "empty_trace", "", ""] and metric["prm/missing_rate"] == 0.25


def test_bad_arguments():
    client = Client()
    for bad in ({}, {"steps": ["a"], "text": "b"}):
        with pytest.raises(ValueError):
            client.score("p", **bad)
    with pytest.raises(TypeError):
        client.score("p", steps="abc")
    with pytest.raises(ValueError):
        client.score_many([{"prompt": "p", "completion": "t"}])
    with pytest.raises(ValueError):
        Client("ftp://x")


VERDICTS = {
    "id": "1",
    "object": "verify",
    "results": [
        {
            "verified": True,
            "reason": {
                "rule": "number",
                "message": "numbers, compared exactly",
                "evidence": "box",
                "answer": "1/2",
                "reference": "0.5",
                "step": 0,
                "bytes": [10, 13],
            },
        },
        {"verified": None, "reason": None},
    ],
}


def verdicts(handler, body):
    handler.reply(200, VERDICTS)


def check_verdicts(found, sent):
    assert sent == {
        "items": [{"text": "So \\boxed{1/2}", "reference": 0.5}, {"answer": "x"}],
        "options": {"tolerance": 0.01},
    }
    assert [verdict.verified for verdict in found] == [True, None]
    reason = found[0].reason
    assert (reason.rule, reason.evidence, reason.step) == ("number", "box", 0)
    assert (reason.answer, reason.reference, reason.bytes) == ("1/2", "0.5", (10, 13))
    assert found[1].reason is None


ANSWERS = [{"text": "So \\boxed{1/2}", "reference": 0.5}, {"answer": "x"}]


def test_verify(server):
    server.plan = [verdicts]
    with Client(server.url) as client:
        found = client.verify(ANSWERS, tolerance=0.01, ordered=None)
    check_verdicts(found, server.requests[-1][1])


def test_verify_without_a_client(server):
    server.plan = [verdicts]
    check_verdicts(rewardd.verify(ANSWERS, url=server.url, tolerance=0.01), server.requests[-1][1])


def test_verify_async(server):
    server.plan = [verdicts]

    async def ask():
        async with AsyncClient(server.url) as client:
            return await client.verify(ANSWERS, tolerance=0.01)

    check_verdicts(asyncio.run(ask()), server.requests[-1][1])
