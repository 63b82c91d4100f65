"""What is one item's fault stays with that item; the header of a balancer; both clients alike."""

import asyncio
import hashlib
import inspect
import json

import pytest
from conftest import answer, result

from rewardd import AsyncClient, Client, RewarddError, _plan, _wire


def refuse(handler, param, status=400, code="invalid_request"):
    handler.reply(status, {"error": {"code": code, "message": "m", "param": param}})


def picky(handler, body):
    """Refuses the first item or trace that says REFUSED, and bodies of more than `most` entries."""
    entries = body.get("items") or body["traces"]
    if len(entries) > handler.server.most:
        return refuse(handler, None, 413, "body_too_large")
    for i, entry in enumerate(entries):
        if "REFUSED" in json.dumps(entry):
            name = f"items[{i}].messages[0].role" if "items" in body else f"traces[{i}]"
            return refuse(handler, name)
    return handler.reply(200, answer(body))


@pytest.fixture(params=["sync", "async"])
def call(request, server):
    """Calls a method of one client or the other, on a server that is picky for ever."""
    server.plan, server.most = [picky] * 10_000, 10_000

    def run(method, *arguments, **options):
        if request.param == "sync":
            with Client(server.url) as client:
                return getattr(client, method)(*arguments, **options)

        async def main():
            async with AsyncClient(server.url) as client:
                return await getattr(client, method)(*arguments, **options)

        return asyncio.run(main())

    return run


def wanted(text):
    return result(0, 0, text)["process"]["reward"]


def item(i, refused=(), traces=2):
    texts = [f"text {i} {j}" for j in range(traces)]
    return {"prompt": "REFUSED" if i in refused else f"p{i}", "traces": texts}


@pytest.mark.parametrize("refused", [(0,), (3,), (9,), (0, 1, 2), (2, 5, 9), tuple(range(10))])
def test_a_refused_item_is_one_item(call, server, refused):
    scores = call("score_items", [item(i, refused) for i in range(10)])
    assert [(s.item, s.trace) for s in scores] == [(i, j) for i in range(10) for j in range(2)]
    for score in scores:
        if score.item in refused:
            assert score.reward is None and score.error.code == "invalid_request"
            assert score.error.message == "m"
        else:
            assert score.reward == wanted(f"text {score.item} {score.trace}")
    assert len(server.requests) <= len(refused) + 2
    with pytest.raises(RewarddError):
        call("score_items", [item(i, refused) for i in range(10)], on_error="raise")


def test_many_refused_items_cost_few_bytes(call, server):
    """After the first refusal at most 64 items are sent together."""
    refused = range(0, 400, 2)
    scores = call("score_items", [item(i, refused, 1) for i in range(400)])
    assert [s.reward is None for s in scores] == [i % 2 == 0 for i in range(400)]
    assert len(server.requests) <= 1 + 200 + 7
    assert all(len(body["items"]) <= 64 for _, body, _ in server.requests[1:])


def test_what_is_too_much_together_is_asked_in_parts(call, server):
    server.most = 3
    scores = call("score_items", [item(i, (4,), 1) for i in range(10)])
    assert [s.item for s in scores] == list(range(10))
    assert [s.reward for s in scores] == [
        None if i == 4 else wanted(f"text {i} 0") for i in range(10)
    ]
    server.most = 0
    scores = call("score_items", [item(i, (), 1) for i in range(3)])
    assert [s.error.code for s in scores] == ["body_too_large"] * 3


def test_a_refused_trace_is_one_trace(call):
    scores = call("score_group", "p", ["a", "REFUSED", "c"])
    assert [s.trace for s in scores] == [0, 1, 2]
    assert scores.rewards == [wanted("a"), None, wanted("c")]


def test_samples_of_a_batch(call):
    texts = ["REFUSED" if i in (3, 40) else f"t{i}" for i in range(50)]
    scores = call("score_many", [{"prompt": "p", "text": t} for t in texts], batch_size=7)
    assert [s.item for s in scores] == list(range(50))
    assert scores.rewards == [None if t == "REFUSED" else wanted(t) for t in texts]


@pytest.mark.parametrize(
    ("status", "param"), [(400, "aggregate"), (401, None), (404, "model"), (400, "items[77].x")]
)
def test_a_refusal_of_the_whole_request_raises(server, status, param):
    server.plan = [lambda handler, _: refuse(handler, param, status)]
    with Client(server.url) as client, pytest.raises(RewarddError):
        client.score_items([item(0), item(1)])
    assert len(server.requests) == 1


def prefix(prompt):
    text = json.dumps([{"content": prompt, "role": "user"}])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_a_prompt_has_one_prefix_header_in_every_form(call, server):
    message = [{"role": "user", "content": "p"}]
    call("score", "p", text="t")
    call("score", messages=message, text="t")
    call("score_group", "p", ["t", "u"])
    call("score_items", [{"prompt": "p", "traces": ["t"]}, {"prompt": "q", "trace": "t"}])
    call("score_items", [{"messages": message, "trace": "t"}])
    call("score_many", [{"prompt": "p", "text": "t"}] * 3)
    found = {headers["X-Rewardd-Prefix"] for _, _, headers in server.requests}
    assert found == {prefix("p")} and len(server.requests) == 6
    call("score", "another", text="t")
    assert server.requests[-1][2]["X-Rewardd-Prefix"] == prefix("another")


def test_streams_have_the_header_too(server):
    def done(handler, _):
        line = b'{"event":"done"}\n'
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(line)))
        handler.end_headers()
        handler.wfile.write(line)

    server.plan = [done, done]
    with Client(server.url) as client:
        assert [event["event"] for event in client.stream("p", ["t"])] == ["done"]

    async def main():
        async with AsyncClient(server.url) as client:
            return [event async for event in client.stream("p", ["t"])]

    asyncio.run(main())
    assert [h["X-Rewardd-Prefix"] for _, _, h in server.requests] == [prefix("p")] * 2


def test_neighbours_with_one_prompt_stay_in_one_batch():
    samples = [{"prompt": p} for p in "aaabbbbcd" + "e" * 9]
    cuts = ["".join(s["prompt"] for s in samples[a:b]) for a, b in _plan.cut(samples, 4)]
    assert cuts == ["aaa", "bbbb", "cd", "eeee", "eeee", "e"]
    assert list(_plan.cut([], 4)) == []


def test_both_clients_have_the_same_calls_and_keywords():
    names = {n for n in dir(Client) if not n.startswith("_")} - {"close"}
    assert names == {n for n in dir(AsyncClient) if not n.startswith("_")} - {"aclose"}
    for name in names:
        ours, theirs = getattr(Client, name), getattr(AsyncClient, name)
        assert inspect.signature(ours).parameters == inspect.signature(theirs).parameters, name
    shown = inspect.signature(Client.score).parameters
    assert "aggregate" in shown and "Literal['min'" in shown["aggregate"].annotation.replace(
        '"', "'"
    )
    assert "options" not in shown


def test_a_word_that_is_no_option():
    client = Client()
    with pytest.raises(TypeError, match="did you mean 'aggregate'"):
        client.score("p", text="t", agregate="min")
    with pytest.raises(TypeError, match="unknown option 'zzz'; there are"):
        client.verify([], zzz=1)
    with pytest.raises(TypeError, match="overlong"):
        asyncio.run(AsyncClient().score_items([], overlog="error"))
    with pytest.raises(ValueError):
        client.score_many([], batch_size=0)


def test_numbers_of_numpy(server):
    np = pytest.importorskip("numpy")
    steps = np.array(["a", "b"])
    with Client(server.url) as client:
        client.score("p", steps=steps, reference=np.float64(4.5), run={"step": np.int64(3)})
    body = server.requests[0][1]
    assert body["traces"] == [["a", "b"]] and body["reference"] == 4.5
    assert body["run"] == {"step": 3}
    with pytest.raises(TypeError):
        _wire.dumps({"x": object()})
