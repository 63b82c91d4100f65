"""The Python client, OpenRLHF's wire in its five eras, and the OpenAPI document, on the daemon."""

import asyncio
import json
import os
import sys
import urllib.error
import urllib.request

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "clients", "python"))

from rewardd import AsyncClient, Client  # noqa: E402

SAMPLES = [
    {"prompt": f"What is {i}*3?", "steps": [f"{i}*3={i * 3}", f"so {i * 3}"]} for i in range(40)
]
USER = "<|im_start|>user\nq0<|im_end|>\n<|im_start|>assistant\n"


def test_client(daemon):
    with Client(daemon.url) as client:
        client.wait_ready(10)
        assert len(client.models()["data"]) == 2
        many = client.score_many(SAMPLES, batch_size=7)
        assert len(many) == len(SAMPLES) and not many.errors
        for sample, got in zip(SAMPLES, many):
            alone = client.score(sample["prompt"], steps=sample["steps"])
            assert alone.rewards == got.rewards and alone.outcome == got.outcome
            assert len(got.rewards) == 2 and got.reward == min(got.rewards)
        mixed = client.score_group("p", [["a"], [], "text"])
        assert [s.reward is None for s in mixed] == [False, True, False]
        assert mixed[1].error.code == "empty_trace"
        no_orm = client.score("p", text="t", outcome_model=False)
        assert no_orm.outcome is None and no_orm.reward is not None
        with pytest.raises(TypeError, match="did you mean"):
            client.score("p", text="t", agregate="min")


def test_async_client_gives_the_same(daemon):
    async def main():
        async with AsyncClient(daemon.url, max_concurrency=8) as client:
            return await client.score_many(SAMPLES, batch_size=3)

    with Client(daemon.url) as client:
        assert asyncio.run(main()).rewards == client.score_many(SAMPLES).rewards


def test_stream_gives_the_same(daemon):
    steps = [f"step {i}" for i in range(30)]
    with Client(daemon.url) as client:
        events = list(client.stream("p", [steps]))
        whole = client.score("p", steps=steps)
    assert [e["reward"] for e in events if e["event"] == "step"] == whole.rewards
    assert [e["event"] for e in events][-1] == "done"
    assert sum(e["event"] == "trace" for e in events) == 1


def test_async_group_and_stream_give_the_same(daemon):
    steps = [f"step {i}" for i in range(30)]

    async def main():
        async with AsyncClient(daemon.url) as client:
            events = [e async for e in client.stream("p", [steps, ["one"]])]
            group = await client.score_group("p", [steps, ["one"]])
            with pytest.raises(TypeError, match="did you mean"):
                async for _ in client.stream("p", [steps], agregate="min"):
                    pass
            return events, group

    events, group = asyncio.run(main())
    with Client(daemon.url) as client:
        assert group.rewards == client.score_group("p", [steps, ["one"]]).rewards
    assert [e["reward"] for e in events if e["event"] == "step" and e["trace"] == 0] == group[
        0
    ].rewards
    assert events[-1]["event"] == "done" and sum(e["event"] == "trace" for e in events) == 2


@pytest.mark.parametrize(
    "extra",
    [
        {},  # v0.4.0
        {"prompts": [USER]},  # v0.5.8
        {"prompts": [USER], "labels": ["42"]},  # v0.6.0 and v0.8.3
        {"prompts": ["q0"], "labels": [None]},  # v0.9.1, as captured
    ],
)
def test_openrlhf_eras(daemon, extra):
    body = {"query": [USER + "first\n\nsecond<|im_end|>"], **extra}
    reply = daemon.post("/get_reward", body)
    with Client(daemon.url) as client:
        score = client.score("q0", text="first\n\nsecond")
    assert reply["rewards"] == reply["scores"] == [score.reward]
    assert reply["extra_logs"]["n_steps"] == [len(score.steps)]
    assert reply["extra_logs"]["orm_reward"] == [score.outcome]
    assert all(isinstance(x, (int, float)) for xs in reply["extra_logs"].values() for x in xs)


def test_openrlhf_whole_rollout_and_idle_server(daemon):
    queries = [f"{USER}answer {i}<|im_end|>" for i in range(64)]
    whole = daemon.post("/get_reward", {"query": queries, "prompts": [USER] * 64})
    for i in (0, 31, 63):
        one = daemon.post("/get_reward", {"query": [queries[i]], "prompts": [USER]})
        assert one["rewards"] == [whole["rewards"][i]]
    empty = daemon.post("/get_reward", {"query": [], "prompts": [], "labels": []})
    assert empty["rewards"] == [] and empty["extra_logs"].keys() == whole["extra_logs"].keys()


@pytest.mark.parametrize(
    "body",
    [
        {"query": [USER + "<|im_end|>"], "prompts": [USER]},  # nothing was said
        {"query": [USER + "x " * 20000], "prompts": [USER]},  # over the context
    ],
)
def test_openrlhf_failure_is_no_number(daemon, body):
    with pytest.raises(urllib.error.HTTPError) as caught:
        daemon.post("/get_reward", body)
    assert caught.value.code >= 400
    assert caught.value.headers["Content-Type"] == "application/json"
    assert "rewards" not in json.load(caught.value)


def schema_of(document, name):
    return {"$ref": f"#/components/schemas/{name}", "components": document["components"]}


def test_openapi_document_describes_the_replies(daemon):
    jsonschema = pytest.importorskip("jsonschema")
    with urllib.request.urlopen(daemon.url + "/openapi.json") as reply:
        document = json.load(reply)
    requests = [
        {"prompt": "p", "trace": {"steps": ["a", "b"]}},
        {"messages": [{"role": "user", "content": "p"}], "traces": ["a", ["b"], []]},
        {
            "items": [{"prompt": "p", "trace": "t"}],
            "stop_below": 0.99,
            "aggregate": "mean",
            "run": {"id": "r", "step": 1},
        },
        {"prompt": "p", "trace": "<|im_end|>\0", "model": None},
    ]
    for body in requests:
        jsonschema.validate(body, schema_of(document, "Request"))
        jsonschema.validate(daemon.post("/v1/rewards", body), schema_of(document, "Reply"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"promt": "p"}, schema_of(document, "Request"))
    with pytest.raises(urllib.error.HTTPError) as caught:
        daemon.post("/v1/rewards", {"promt": "p"})
    jsonschema.validate(json.load(caught.value), schema_of(document, "Error"))
    for path, methods in document["paths"].items():
        if "get" in methods and "{" not in path:
            assert urllib.request.urlopen(daemon.url + path).status == 200, path


def test_openapi_document_is_valid():
    """By a validator of the OpenAPI specification itself, which no one here wrote."""
    validator = pytest.importorskip("openapi_spec_validator")
    path = os.path.join(os.path.dirname(__file__), "..", "..", "proto", "openapi.json")
    with open(path, encoding="utf-8") as f:
        document = json.load(f)
    validator.validate(document)
    document["paths"]["/v1/rewards"]["post"]["responses"]["200"].pop("description")
    with pytest.raises(Exception, match="description"):
        validator.validate(document)
