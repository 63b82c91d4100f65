"""Clients without a wheel, run when the environment names their checkout: SLIME_CHECKOUT,
MILES_CHECKOUT, NEMO_GYM_CHECKOUT, PROCESSBENCH_CHECKOUT. Their routes and our glue are also tried
without them (test_glue.py, test_wires)."""

import asyncio
import importlib
import json
import types

import pytest
import shelf
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
    processes,
)
from daemon import Daemon
from table import note

LOST = [("empty", ""), ("over_long", OVERLONG)]
STATUS = [400, 429, 503]


# ---- slime and miles ----------------------------------------------------------------------------


@pytest.fixture(params=["slime", "miles"])
def slime(request, glue):
    """The reward hub of the checkout; its rule-based rewards are stubs."""
    name = request.param
    top = shelf.checkout(f"{name.upper()}_CHECKOUT", f"{name}/rollout/rm_hub/__init__.py")
    pytest.importorskip("aiohttp")
    with shelf.importing(name) as imports:
        imports.put(name, shelf.package(top / name))
        for folder in ("rollout", "utils"):
            imports.put(f"{name}.{folder}", shelf.package(top / name / folder))
        misc = types.ModuleType("misc")
        misc.load_function = shelf.parts(
            top / name / "utils/misc.py", "load_function", importlib=importlib
        )
        imports.put(f"{name}.utils.misc", misc)
        imports.stub(f"{name}.utils.types")
        hub = shelf.package(top / name / "rollout/rm_hub")
        imports.put(f"{name}.rollout.rm_hub", hub)
        for rule in ("deepscaler", "f1", "gpqa", "math_dapo_utils", "math_utils", "opencua_click"):
            imports.stub(f"{name}.rollout.rm_hub.{rule}")
        path = top / name / "rollout/rm_hub/__init__.py"
        spec = importlib.util.spec_from_file_location(
            f"{name}.rollout.rm_hub", path, submodule_search_locations=[str(path.parent)]
        )
        module = importlib.util.module_from_spec(spec)
        imports.put(f"{name}.rollout.rm_hub", module)
        spec.loader.exec_module(module)
        module.pauses = shelf.without_waiting(module, "asyncio")
        module.label = name
        yield module


def samples(bad=None, chat=False):
    responses = list(RESPONSES) if bad is None else [bad]
    prompts = CONVERSATIONS if chat else [chatml(q, SYSTEM) for q in QUESTIONS]
    return [
        types.SimpleNamespace(
            prompt=prompt, response=ended(r), label=a, metadata=None, custom_rm_path=None
        )
        for prompt, r, a in zip(prompts, responses, ANSWERS)
    ]


def rewards(slime, url, found, custom=None):
    args = types.SimpleNamespace(custom_rm_path=custom, rm_type="remote_rm", rm_url=url)

    async def all_of():
        try:
            return await slime.batched_async_rm(args, found)
        finally:
            session = getattr(slime, "_shared_session", None)
            if session is not None:
                await session.close()

    return [one["reward"] for one in asyncio.run(all_of())]


@pytest.mark.parametrize("chat", [False, True])
def test_slime(slime, small, proxy, glue, chat):
    url = proxy.url + "/compat/slime?run=slime"
    assert rewards(slime, url, samples(chat=chat)) == processes(small)
    assert rewards(slime, None, samples(chat=chat), "rewardd.slime.reward") == processes(small)
    note(slime.label, same_bits=f"{len(CASES)} traces, system too")


@pytest.mark.parametrize("status", STATUS)
def test_slime_fails(slime, small, proxy, status):
    proxy.plan = [status]
    url = proxy.url + "/compat/slime"
    ends = "tries again"
    if slime.label == "miles":
        ends = "raises at once"
        with pytest.raises(Exception, match=str(status)):
            rewards(slime, url, samples())
    else:
        assert rewards(slime, url, samples()) == processes(small)
    note(slime.label, **{f"s{status}": ends})


@pytest.mark.parametrize(("kind", "bad"), LOST)
def test_slime_without_a_reward(slime, small, proxy, glue, kind, bad):
    with pytest.raises(Exception, match="422"):
        rewards(slime, proxy.url + "/compat/slime", samples(bad))
    with pytest.raises(Exception, match=r"empty_trace|context_exceeded"):
        rewards(slime, None, samples(bad), "rewardd.slime.reward")
    url = proxy.url + "/compat/slime?unscorable=-1"
    assert rewards(slime, url, samples(bad)) == [-1.0]
    assert all(json.loads(body)["reward"] is not None for s, body in proxy.replies if s == 200)
    note(slime.label, **{kind: "raises; or the user's number"}, null="never in a reply")


# ---- NeMo-Gym -----------------------------------------------------------------------------------


class Body(types.SimpleNamespace):
    def model_dump(self):
        return dict(vars(self))


@pytest.fixture
def gym(glue):
    """Our server on Gym's own handling of judges; what brings a web server is a stub."""
    top = shelf.checkout("NEMO_GYM_CHECKOUT", "nemo_gym/judge.py")
    with shelf.importing("nemo_gym") as imports:
        imports.stub("fastapi", "fastapi.encoders", "fastapi.responses")
        importlib.import_module("fastapi.encoders").jsonable_encoder = lambda data: data
        importlib.import_module("fastapi.responses").JSONResponse = lambda content: content
        imports.put("nemo_gym", shelf.package(top / "nemo_gym"))
        base = types.ModuleType("base")
        base.BaseVerifyRequest = base.BaseVerifyResponse = Body
        base.SimpleResourcesServer = object
        imports.put("nemo_gym.base_resources_server", base)
        judge = imports.file("nemo_gym.judge", top / "nemo_gym/judge.py")
        from rewardd.nemo_gym import server_class

        yield judge.judge_failsafe(server_class()().verify)


def request(question, response, answer):
    message = {"type": "message", "content": [{"type": "output_text", "text": response}]}
    return Body(
        responses_create_params={"input": [{"role": "user", "content": question}]},
        response={"output": [message]},
        expected_answer=answer,
    )


def test_gym(gym, small):
    found = [asyncio.run(gym(body=request(*case))) for case in CASES]
    assert [one.reward for one in found] == processes(small)
    assert [one.rewardd_verified for one in found][:2] == [1, 0]
    note("nemo-gym", same_bits=f"{len(CASES)} traces")


@pytest.mark.parametrize("status", STATUS)
def test_gym_and_a_failing_daemon(gym, small, glue, proxy, status):
    from rewardd import _wire

    glue.setattr(_wire, "BACKOFF_FIRST_S", 0.001)
    glue.setenv("REWARDD_URL", proxy.url)
    proxy.plan = [status]
    if status == 400:
        with pytest.raises(Exception, match="scripted"):
            asyncio.run(gym(body=request(*CASES[0])))
    else:
        assert asyncio.run(gym(body=request(*CASES[0]))).reward == processes(small)[0]
    note("nemo-gym", **{f"s{status}": "raises at once" if status == 400 else "tries again"})


@pytest.mark.parametrize(("kind", "bad"), LOST)
def test_gym_without_a_reward(gym, kind, bad):
    found = asyncio.run(gym(body=request(QUESTIONS[0], bad, None)))
    assert found["_ng_failure_class"] == "judge_failed"
    note("nemo-gym", **{kind: "a failed judge: left out"}, null="never")


# ---- ProcessBench -------------------------------------------------------------------------------


class Pool:
    """One process instead of 32."""

    imap = staticmethod(map)

    def __init__(self, size):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def test_processbench_rlhflow(rewardd_bin, tmp_path, monkeypatch):
    """Its script, its SDK, our PRM under the name that it asks for: first wrong steps as native."""
    top = shelf.checkout("PROCESSBENCH_CHECKOUT", "code/run_eval_prm_rlhflow.py")
    monkeypatch.chdir(tmp_path)
    rows = [
        {"problem": q, "steps": r.split("\n\n"), "label": label}
        for (q, r, _), label in zip(CASES, (-1, 0, -1, -1))
    ]
    with Daemon([f"{shelf.SMALL[0]},name=Llama3.1-8B-PRM-Mistral-Data"]) as daemon:
        daemon.wait_ready()
        with shelf.importing("openai") as imports:
            imports.path(shelf.folder("openai", "3.57.0"))
            openai = importlib.import_module("openai")
            datasets = types.ModuleType("datasets")
            datasets.load_dataset = lambda name, split: rows
            imports.put("datasets", datasets)
            module = imports.file("processbench", top / "code/run_eval_prm_rlhflow.py")
            module.OpenAI = lambda base_url, api_key: openai.OpenAI(
                base_url=daemon.url + "/v1", api_key=api_key
            )
            module.Pool = Pool
            module.main()
        native = []
        for row in rows:
            body = {"prompt": row["problem"], "trace": {"steps": row["steps"]}, "flags": "off"}
            steps = daemon.post("/v1/rewards", body)["results"][0]["steps"]
            bad = [i for i, step in enumerate(steps) if step["reward"] < 0.5]
            native.append(bad[0] if bad else -1)
    folder = tmp_path / "outputs/Llama3.1-8B-PRM-Mistral-Data"
    lines = (folder / "gsm8k_error.jsonl").read_text() + (
        folder / "gsm8k_correct.jsonl"
    ).read_text()
    told = [json.loads(line) for line in lines.splitlines()]
    found = {one["problem"] + one["steps"][0]: one["prediction"] for one in told}
    assert [found[row["problem"] + row["steps"][0]] for row in rows] == native
    assert -1 in native and len(set(native)) > 1
    note("ProcessBench RLHFlow", same_bits=f"{len(CASES)} traces")
