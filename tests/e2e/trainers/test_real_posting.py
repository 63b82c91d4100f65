"""Clients that post to an address with their own code: LLaMA-Factory, xtuner, reward_hub, AReaL,
and verl's own reward model wire."""

import asyncio
import json
import re
import sys
import types

import pytest
import shelf
import test_real_verl as verl_parts
from cases import (
    ANSWERS,
    CASES,
    CONVERSATIONS,
    OVERLONG,
    QUESTIONS,
    RESPONSES,
    SYSTEM,
    chatml,
    ended,
    outcomes,
    processes,
    rendered,
    single,
)
from daemon import Daemon
from table import note

requests = pytest.importorskip("requests")
torch = pytest.importorskip("torch")
ORM = "rewardd-orm-small"
LOST = [("empty", ""), ("over_long", OVERLONG)]
STATUS = [400, 429, 503]


def texts(bad=None, system=None):
    """The templated texts; the second response may be one that cannot be scored."""
    responses = list(RESPONSES) if bad is None else [RESPONSES[0], bad, *RESPONSES[2:]]
    return [chatml(q, system) + ended(r) for q, r in zip(QUESTIONS, responses)]


def raw_texts(bad=None):
    """In the reward model's own template; the second text may be one that cannot be scored."""
    found = [rendered(response, question) for question, response, _ in CASES]
    return found if bad is None else [found[0], bad, *found[2:]]


def no_null(proxy, name):
    """In no reply that the client took, nor in any other, is there a null for a reward."""
    taken = [body for status, body in proxy.replies if status == 200]
    assert taken
    for body in taken:
        assert not re.search(rb"\bnull\b", body), body
    note(name, null="never in a reply")


# ---- LLaMA-Factory ------------------------------------------------------------------------------


@pytest.fixture
def llamafactory():
    base = shelf.folder("llamafactory", "0.9.5") / "llamafactory"
    with shelf.importing("llamafactory") as imports:
        for name in ("", ".extras", ".train", ".train.ppo"):
            imports.put(f"llamafactory{name}", shelf.package(base / name.replace(".", "/")[1:]))
        packages = shelf.Stub("packages")
        packages.is_requests_available = lambda: True
        imports.put("llamafactory.extras.packages", packages)
        if "transformers" not in sys.modules:
            imports.put("transformers", shelf.package(base))
            imports.stub("transformers.integrations")
        path = base / "train/ppo/ppo_utils.py"
        module = imports.file("llamafactory.train.ppo.ppo_utils", path)
        yield module.get_rewards_from_server


def test_llamafactory(llamafactory, small, proxy):
    name = "llamafactory 0.9.5"
    url = proxy.url + "/v1/score/evaluation"
    raw = single(outcomes(small, raw=True))
    assert llamafactory(url, texts()).tolist() == raw
    assert llamafactory(url, texts(system=SYSTEM)).tolist() == raw
    found = llamafactory(url + "?which=process", texts()).tolist()
    assert found == single(processes(small))
    no_null(proxy, name)
    note(name, same_bits=f"{len(CASES)} traces, system too")


@pytest.mark.parametrize("status", STATUS)
def test_llamafactory_fails(llamafactory, proxy, status):
    """It reads no status: only that there are no scores ends the run."""
    proxy.plan = [status]
    with pytest.raises(KeyError, match="scores"):
        llamafactory(proxy.url + "/v1/score/evaluation", texts())
    note("llamafactory 0.9.5", **{f"s{status}": "raises at once"})


@pytest.mark.parametrize(("kind", "bad"), LOST)
def test_llamafactory_without_a_reward(llamafactory, small, proxy, kind, bad):
    url = proxy.url + "/v1/score/evaluation"
    with pytest.raises(KeyError, match="scores"):
        llamafactory(url, texts(bad))
    assert proxy.replies[-1][0] == 422
    want = single(outcomes(small, raw=True))
    found = llamafactory(url + "?unscorable=-9", texts(bad)).tolist()
    assert found == [want[0], -9.0, *want[2:]]
    note("llamafactory 0.9.5", **{kind: "raises; or the user's number"})


# ---- xtuner -------------------------------------------------------------------------------------


@pytest.fixture(params=["sglang", "vllm"])
def xtuner(request, proxy, outcome_only):
    if request.param == "vllm":  # its body names no model
        proxy.behind = outcome_only.url
    path = shelf.folder("xtuner", "0.2.0") / "xtuner/utils/rm_utils.py"
    with shelf.importing("xtuner") as imports:
        tokenizer = types.SimpleNamespace(from_pretrained=lambda *_, **__: None)
        transformers = types.ModuleType("transformers")
        transformers.AutoTokenizer = tokenizer
        imports.put("transformers", transformers)
        module = imports.file("xtuner_rm_utils", path)
    address = proxy.url.removeprefix("http://")
    client = module.RewardModelClient(ORM, server_type=request.param, server_address=address)
    client.pauses = shelf.without_waiting(module)
    client.kind = request.param
    client.name = f"xtuner 0.2.0 {request.param}"
    client.ask = getattr(client, f"{request.param}_request_reward")
    return client


def test_xtuner(xtuner, small, proxy):
    assert xtuner.ask(raw_texts()) == outcomes(small, raw=True)
    no_null(proxy, xtuner.name)
    note(xtuner.name, same_bits=f"{len(CASES)} traces")


@pytest.mark.parametrize("status", STATUS)
def test_xtuner_tries_again(xtuner, small, proxy, status):
    proxy.plan = [status] * 2
    assert xtuner.ask(raw_texts()) == outcomes(small, raw=True)
    assert len(xtuner.pauses) == 2
    note(xtuner.name, **{f"s{status}": "tries again"})


@pytest.mark.parametrize(("kind", "bad"), LOST)
def test_xtuner_without_a_reward(xtuner, proxy, kind, bad):
    """Its calls end as None for the whole list: no trace gets another's reward."""
    assert xtuner.ask(raw_texts(bad)) is None
    assert {status for status, _ in proxy.replies} <= {400, 422} and len(proxy.replies) == 8
    note(xtuner.name, **{kind: "None after 8 tries"})


# ---- reward_hub ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def qwen(rewardd_bin, models):
    """Tiny weights under the name that reward_hub asks for, at the host it has built in."""
    model = f"{models[0]},name=Qwen/Qwen2.5-Math-PRM-7B"
    with Daemon([model], "--allow-host", "0.0.0.0") as one:
        yield one.wait_ready()


@pytest.fixture
def reward_hub():
    """Its process reward model client."""
    base = shelf.folder("reward-hub", "0.1.10") / "reward_hub"
    with shelf.importing("reward_hub") as imports:
        transformers = types.ModuleType("transformers")
        transformers.AutoTokenizer = types.SimpleNamespace(
            from_pretrained=lambda name: types.SimpleNamespace()
        )
        imports.put("transformers", transformers)
        imports.put("reward_hub", shelf.package(base))
        imports.put("reward_hub.openai", shelf.package(base / "openai"))
        imports.stub("reward_hub.drsow")
        module = imports.file("reward_hub.openai.reward", base / "openai/reward.py")

        def make(port):
            return module.OpenAIProcessRewardModel("Qwen/Qwen2.5-Math-PRM-7B", port)

        yield make


def steps_of(qwen, system=None):
    """/v1/rewards on the same steps."""
    items = [{"prompt": q, "trace": {"steps": r.split("\n\n")}} for q, r, _ in CASES]
    reply = qwen.post("/v1/rewards", {"items": items, "flags": "off", "outcome_model": None})
    return [[step["reward"] for step in result["steps"]] for result in reply["results"]]


def dialogues(bad=None):
    responses = list(RESPONSES) if bad is None else [bad]
    return [
        [*chat, {"role": "assistant", "content": r}] for chat, r in zip(CONVERSATIONS, responses)
    ]


def test_reward_hub(reward_hub, qwen):
    model = reward_hub(qwen.port)
    found = model.score(dialogues(), return_full_prm_result=True)
    want = steps_of(qwen)
    assert [one.step_scores for one in found] == want and len({x for w in want for x in w}) > 4
    assert model.score(dialogues(), aggregation_method="min") == list(map(min, want))
    note("reward-hub 0.1.10", same_bits=f"{len(CASES)} traces, every step")


@pytest.mark.parametrize(("kind", "bad"), LOST)
def test_reward_hub_without_a_reward(reward_hub, qwen, kind, bad):
    with pytest.raises(KeyError, match="data"):
        reward_hub(qwen.port).score(dialogues(bad))
    note("reward-hub 0.1.10", **{kind: "raises"}, null="raises")


@pytest.mark.parametrize("status", STATUS)
def test_reward_hub_fails(reward_hub, proxy, status):
    proxy.plan = [status]
    with pytest.raises(KeyError, match="data"):
        reward_hub(int(proxy.url.rpartition(":")[2])).score(dialogues()[:1])
    note("reward-hub 0.1.10", **{f"s{status}": "raises at once"})


# ---- AReaL --------------------------------------------------------------------------------------


@pytest.fixture
def areal(glue):
    """AsyncRewardWrapper around the function that "rewardd.areal.reward_fn" names."""
    base = shelf.folder("areal", "1.0.4") / "areal"
    with shelf.importing("areal") as imports:
        imports.put("areal", shelf.package(base))
        imports.put("areal.api", shelf.package(base / "api"))
        logging = types.ModuleType("logging")
        quiet = lambda *_, **__: None
        logger = types.SimpleNamespace(warning=quiet, exception=quiet, info=quiet, debug=quiet)
        logging.getLogger = lambda name: logger
        utils = shelf.package(base / "utils", logging=logging)
        imports.put("areal.utils", utils)
        load = imports.file("areal.utils.dynamic_import", base / "utils/dynamic_import.py")
        module = imports.file("areal.api.reward_api", base / "api/reward_api.py")
        function = load.import_from_string("rewardd.areal.reward_fn")
        yield module.AsyncRewardWrapper(function, max_workers=2)
        module.AsyncRewardWrapper._atexit_shutdown_all()


def areal_rewards(areal, responses=RESPONSES, **row):
    async def all_of():
        calls = (
            areal(chatml(q, SYSTEM), ended(r), [1], [2], answer=a, **row)
            for q, r, a in zip(QUESTIONS, responses, ANSWERS)
        )
        return await asyncio.gather(*calls)

    return asyncio.run(all_of())


def test_areal(areal, small, glue, proxy):
    """In worker processes, with the templated prompt that AReaL decodes."""
    glue.setenv("REWARDD_URL", proxy.url)
    glue.setenv("REWARDD_RUN", "areal")
    assert areal_rewards(areal) == processes(small)
    assert all("run=areal" in path for path, _ in proxy.calls)
    assert {json.loads(body)["label"] for _, body in proxy.calls} == set(ANSWERS)
    no_null(proxy, "areal 1.0.4")
    note("areal 1.0.4", same_bits=f"{len(CASES)} traces, system too")


@pytest.mark.parametrize("status", STATUS)
def test_areal_fails(areal, small, glue, proxy, status):
    glue.setenv("REWARDD_URL", proxy.url)
    proxy.plan = [status]
    assert areal_rewards(areal) == processes(small)  # 400 too: AReaL calls again
    note("areal 1.0.4", **{f"s{status}": "tries again"})


@pytest.mark.parametrize(("kind", "bad"), LOST)
def test_areal_without_a_reward(areal, small, glue, kind, bad):
    """It raises, as AReaL passes on; a time-out it would take for 0, so there is none."""
    with pytest.raises(Exception, match=r"empty_trace|context_exceeded"):
        areal_rewards(areal, [RESPONSES[0], bad, *RESPONSES[2:]])
    note("areal 1.0.4", **{kind: "raises; or the user's number"})


def test_areal_with_the_users_number(small, glue):
    import rewardd.areal

    glue.setenv("REWARDD_UNSCORABLE", "-1")
    assert rewardd.areal.reward_fn(chatml(QUESTIONS[0]), "<|im_end|>") == -1.0
    assert (
        rewardd.areal.reward_fn("x", ended(RESPONSES[0]), messages=CONVERSATIONS[0])
        == (processes(small)[0])
    )


# ---- verl's own reward model wire ---------------------------------------------------------------


class Rendering:
    """The reward model's tokenizer, which has its template."""

    bos_token = None

    def apply_chat_template(self, chat, add_generation_prompt, tokenize):
        return rendered(chat[-1]["content"], chat[0]["content"])


@pytest.fixture(params=[("0.7.0", "vllm"), ("0.9.1", "vllm"), ("0.9.1", "sglang")])
def disrm(request, glue, proxy):
    """compute_score_disrm, its router being the daemon (the one line that users patch)."""
    version, engine = request.param
    with shelf.importing("verl") as imports:
        wheel = verl_parts.Verl(version, imports)
        settings = verl_parts.named(version)
        branch = settings["reward"] if version == "0.9.1" else settings
        branch["reward_model"].update(
            rollout=verl_parts.config(name=engine),
            model=verl_parts.config(path=ORM),
            model_path=ORM,
        )
        module, worker = wheel.loop(settings)
        worker.reward_router_address = proxy.url.removeprefix("http://")
        worker.reward_model_tokenizer = Rendering()
        worker.pauses = shelf.without_waiting(module, "asyncio")
        worker.name = f"verl {version} DisRM {engine}"

        def ask(rows):
            async def all_of():
                rewards = []
                for i in range(len(rows)):
                    found = await worker.compute_score_disrm(rows[i : i + 1])
                    rewards.append(found["reward_score"])
                return rewards

            return asyncio.run(all_of())

        worker.ask = ask
        yield worker


def test_verl_disrm(disrm, small, proxy):
    assert disrm.ask(verl_parts.data()) == outcomes(small, raw=True)
    no_null(proxy, disrm.name)
    note(disrm.name, same_bits=f"{len(CASES)} traces")


@pytest.mark.parametrize("status", STATUS)
def test_verl_disrm_fails(disrm, small, proxy, status):
    proxy.plan = [status] * 2
    if status == 503:
        assert disrm.ask(verl_parts.data()) == outcomes(small, raw=True)
        assert len(disrm.pauses) == 2
    else:
        with pytest.raises(Exception, match=str(status)):
            disrm.ask(verl_parts.data())
    note(disrm.name, **{f"s{status}": "tries again" if status == 503 else "raises at once"})


@pytest.mark.parametrize(("kind", "bad"), LOST[1:])
def test_verl_disrm_without_a_reward(disrm, proxy, kind, bad):
    """An empty response is a text like another to this wire: the template is left."""
    rows = verl_parts.data([bad, *RESPONSES[1:]])
    with pytest.raises(Exception, match=r"40\d|422"):
        disrm.ask(rows)
    note(disrm.name, **{kind: "raises"}, empty="scored as sent")
