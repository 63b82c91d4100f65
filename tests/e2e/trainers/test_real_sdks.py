"""The SDKs of OpenAI, Cohere and Hugging Face, and LiteLLM."""

import importlib
import json
import os
import re

import pytest
import shelf
from cases import (
    CASES,
    CONVERSATIONS,
    OVERLONG,
    QUESTIONS,
    RESPONSES,
    chatml,
    ended,
    outcomes,
    rendered,
)
from table import note

LOST = [("empty", ""), ("over_long", OVERLONG)]
STATUS = [400, 429, 503]


@pytest.fixture(scope="module")
def openai():
    folder = shelf.folder("openai", "3.57.0")
    with shelf.importing("openai") as imports:
        imports.path(folder)
        yield pytest.importorskip("openai")


@pytest.fixture
def sdk(openai, proxy):
    return openai.OpenAI(base_url=proxy.url + "/v1", api_key="none", max_retries=2)


def text(i, response=None):
    return chatml(QUESTIONS[i]) + ended(RESPONSES[i] if response is None else response)


def raw(i):
    return rendered(RESPONSES[i], QUESTIONS[i])


def test_openai_models(openai, small):
    client = openai.OpenAI(base_url=small.url + "/v1", api_key="none")
    assert {model.id for model in client.models.list()} == {
        "rewardd-prm-small",
        "rewardd-orm-small",
    }


def test_openai_embeddings(sdk, small, proxy):
    found = sdk.embeddings.create(
        model="rewardd-orm-small", input=[raw(i) for i in range(len(CASES))]
    )
    assert [one.embedding for one in found.data] == [[raw] for raw in outcomes(small, raw=True)]
    assert not any(re.search(rb"\bnull\b", body) for _, body in proxy.replies)
    note("openai 3.57.0 embeddings", same_bits=f"{len(CASES)} traces", null="never in a reply")


@pytest.mark.parametrize("status", STATUS)
def test_openai_fails(openai, sdk, small, proxy, status, monkeypatch):
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
    proxy.plan = [status]
    ends = "tries again"
    if status == 400:
        ends = "raises at once"
        with pytest.raises(openai.BadRequestError):
            sdk.embeddings.create(model="rewardd-orm-small", input=[raw(0)])
    else:
        found = sdk.embeddings.create(model="rewardd-orm-small", input=[raw(0)])
        assert found.data[0].embedding == [outcomes(small, raw=True)[0]]
    note("openai 3.57.0 embeddings", **{f"s{status}": ends})


@pytest.mark.parametrize(("kind", "bad"), LOST)
def test_openai_without_a_reward(openai, sdk, kind, bad):
    with pytest.raises((openai.BadRequestError, openai.UnprocessableEntityError)) as caught:
        sdk.embeddings.create(model="rewardd-orm-small", input=[raw(0), bad])
    assert isinstance(caught.value.body["code"], int) and caught.value.body["message"]
    note("openai 3.57.0 embeddings", **{kind: "raises, named"})


def test_rlhflow_by_chat(sdk, small):
    """ProcessBench's way: each step a user turn, "+" or "-" back, earlier ones in the chat."""
    judged, native = [], []
    for question, response, _ in CASES:
        chat = []
        for step in response.split("\n\n"):
            chat.append({"role": "user", "content": step if chat else f"{question}\n\n{step}"})
            reply = sdk.chat.completions.create(
                model="rewardd-prm-small", messages=chat, max_tokens=1, temperature=0.0, n=1,
                logprobs=True,
            )  # fmt: skip
            judged.append(reply.choices[0].message.content)
            assert reply.choices[0].logprobs.content[0].logprob <= 0
            chat.append({"role": "assistant", "content": "+"})
        body = {"prompt": question, "trace": {"steps": response.split("\n\n")}, "flags": "off"}
        result = small.post("/v1/rewards", body)["results"][0]
        native += ["+" if step["reward"] >= 0.5 else "-" for step in result["steps"]]
    assert judged == native and set(judged) == {"+", "-"}
    note(RLHFLOW, same_bits=f"{len(judged)} steps")


RLHFLOW = "openai 3.57.0 RLHFlow chat"


def judge(sdk, question, step):
    return sdk.chat.completions.create(
        model="rewardd-prm-small", messages=[{"role": "user", "content": f"{question}\n\n{step}"}],
        max_tokens=1,
    ).choices[0].message.content  # fmt: skip


@pytest.mark.parametrize("status", STATUS)
def test_rlhflow_fails(openai, sdk, proxy, status, monkeypatch):
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
    proxy.plan = [status]
    ends = "tries again"
    if status == 400:
        ends = "raises at once"
        with pytest.raises(openai.BadRequestError):
            judge(sdk, QUESTIONS[0], RESPONSES[0])
    else:
        assert judge(sdk, QUESTIONS[0], RESPONSES[0]) in ("+", "-")
    note(RLHFLOW, **{f"s{status}": ends})


@pytest.mark.parametrize(("kind", "bad"), LOST)
def test_rlhflow_without_a_verdict(openai, sdk, proxy, kind, bad):
    """No "-" for a step that was not judged; and no reply holds a null where a verdict belongs."""
    with pytest.raises((openai.BadRequestError, openai.UnprocessableEntityError)):
        judge(sdk, QUESTIONS[0], bad)
    judge(sdk, QUESTIONS[0], RESPONSES[0])
    taken = [body for status, body in proxy.replies if status == 200]
    assert len(taken) == 1 and not re.search(rb"\bnull\b", taken[0])
    note(RLHFLOW, **{kind: "raises, named"}, null="never in a reply")


def test_chat_does_not_generate(openai, sdk):
    with pytest.raises(openai.BadRequestError, match="does not generate"):
        sdk.chat.completions.create(model="rewardd-prm-small", messages=CONVERSATIONS[0])


# ---- Cohere -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cohere():
    folder = shelf.folder("cohere", "7.3.1")
    with shelf.importing("cohere") as imports:
        imports.path(folder)
        module = pytest.importorskip("cohere")
        yield module


GROUP = [RESPONSES[0], RESPONSES[1], "She spends $26."]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_cohere_rerank(cohere, small, proxy, version):
    kind = cohere.Client if version == "v1" else cohere.ClientV2
    client = kind(api_key="none", base_url=proxy.url)
    found = client.rerank(model="rewardd-orm-small", query=QUESTIONS[0], documents=GROUP)
    body = {"prompt": QUESTIONS[0], "traces": [{"text": t} for t in GROUP], "flags": "off"}
    native = [r["outcome"]["reward"] for r in small.post("/v1/rewards", body)["results"]]
    scores = {one.index: one.relevance_score for one in found.results}
    assert [scores[i] for i in range(3)] == native
    order = [one.relevance_score for one in found.results]
    assert order == sorted(native, reverse=True)
    note(f"cohere 7.3.1 {version}", same_bits="3 traces", null="never in a reply")


@pytest.mark.parametrize(("kind", "bad"), LOST)
def test_cohere_leaves_out_what_has_no_score(cohere, small, proxy, kind, bad):
    client = cohere.ClientV2(api_key="none", base_url=proxy.url)
    found = client.rerank(
        model="rewardd-orm-small", query=QUESTIONS[0], documents=[GROUP[0], bad, GROUP[2]]
    )
    assert sorted(one.index for one in found.results) == [0, 2]
    assert not any(re.search(rb'"relevance_score":null', body) for _, body in proxy.replies)
    for version in ("v1", "v2"):
        note(f"cohere 7.3.1 {version}", **{kind: "left out"})


@pytest.mark.parametrize("status", STATUS)
def test_cohere_fails(cohere, small, proxy, status):
    http = importlib.import_module("cohere.core.http_client")
    shelf.without_waiting(http)
    proxy.plan = [status]
    client = cohere.ClientV2(api_key="none", base_url=proxy.url)
    ask = {"model": "rewardd-orm-small", "query": QUESTIONS[0], "documents": GROUP}
    ends = "tries again"
    if status == 400:
        ends = "raises at once"
        with pytest.raises(cohere.core.ApiError):
            client.rerank(**ask)
    else:
        assert len(client.rerank(**ask).results) == 3
    for version in ("v1", "v2"):
        note(f"cohere 7.3.1 {version}", **{f"s{status}": ends})


# ---- LiteLLM ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def litellm():
    if not os.environ.get("REWARDD_LONG"):
        pytest.skip("REWARDD_LONG: what it leaves in the interpreter failed a later test once")
    folder = shelf.folder("litellm", "1.110.2")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(
            "LITELLM_LOCAL_MODEL_COST_MAP", "True"
        )  # it would fetch a list of prices
        with shelf.importing("openai") as sdk, shelf.importing("litellm") as imports:
            sdk.path(folder)
            imports.path(folder)
            yield pytest.importorskip("litellm")


def litellm_ranks(litellm, provider, url, documents):
    found = litellm.rerank(
        model=f"{provider}/rewardd-orm-small", query=QUESTIONS[0], documents=documents,
        api_base=url, api_key="none",
    )  # fmt: skip
    return {one["index"]: one["relevance_score"] for one in found.results}


@pytest.mark.parametrize(("provider", "path"), [("cohere", ""), ("hosted_vllm", ""),
                                                ("jina_ai", "/v1/rerank")])  # fmt: skip
def test_litellm_rerank(litellm, small, proxy, provider, path):
    found = litellm_ranks(litellm, provider, proxy.url + path, GROUP)
    body = {"prompt": QUESTIONS[0], "traces": [{"text": t} for t in GROUP], "flags": "off"}
    native = [r["outcome"]["reward"] for r in small.post("/v1/rewards", body)["results"]]
    assert [found[i] for i in range(3)] == native
    assert not any(re.search(rb'"relevance_score":null', body) for _, body in proxy.replies)
    note("litellm 1.110.2 rerank", same_bits="3 traces, 3 providers", null="never in a reply")


@pytest.mark.parametrize("status", STATUS)
def test_litellm_fails(litellm, proxy, status):
    """It tries once: so the route waits for room."""
    proxy.plan = [status] * 10
    with pytest.raises(Exception, match="scripted"):
        litellm_ranks(litellm, "cohere", proxy.url, GROUP)
    note("litellm 1.110.2 rerank", **{f"s{status}": f"raises after {len(proxy.replies)}"})


@pytest.mark.parametrize(("kind", "bad"), LOST)
def test_litellm_leaves_out_what_has_no_score(litellm, proxy, kind, bad):
    found = litellm_ranks(litellm, "cohere", proxy.url, [GROUP[0], bad, GROUP[2]])
    assert sorted(found) == [0, 2]
    note("litellm 1.110.2 rerank", **{kind: "left out"})


# ---- Hugging Face -------------------------------------------------------------------------------


@pytest.fixture
def hub():
    huggingface_hub = pytest.importorskip("huggingface_hub")
    shelf.folder("huggingface-hub", huggingface_hub.__version__)  # the version of the page
    return huggingface_hub


def test_hub_text_classification(hub, small, proxy):
    client = hub.InferenceClient()
    found = [
        client.text_classification(text(i), model=proxy.url + "/predict") for i in range(len(CASES))
    ]
    assert [one[0].label for one in found] == ["LABEL_0"] * len(CASES)
    assert [one[0].score for one in found] == outcomes(small)
    assert json.loads(proxy.replies[0][1])[0][0]["label"] == "LABEL_0"
    note("huggingface_hub 2.4.0", same_bits=f"{len(CASES)} traces", null="never in a reply")


@pytest.mark.parametrize(("kind", "bad"), LOST)
def test_hub_without_a_reward(hub, proxy, kind, bad):
    with pytest.raises(Exception, match=r"40\d|422"):
        hub.InferenceClient().text_classification(text(0, bad), model=proxy.url + "/predict")
    note("huggingface_hub 2.4.0", **{kind: "raises"})


@pytest.mark.parametrize("status", STATUS)
def test_hub_fails(hub, proxy, status):
    proxy.plan = [status] * 10
    with pytest.raises(Exception, match=rf"{status}|scripted"):
        hub.InferenceClient().text_classification(text(0), model=proxy.url + "/predict")
    note("huggingface_hub 2.4.0", **{f"s{status}": f"raises after {len(proxy.replies)}"})
