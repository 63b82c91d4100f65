"""Clients that live in git: run from the checkout that the environment names (SLIME_CHECKOUT,
MILES_CHECKOUT, NEMO_GYM_CHECKOUT, PROCESSBENCH_CHECKOUT), miles and NeMo-Gym else from their
wheels. The others' routes and our glue are also tried without them (test_glue.py, test_wires)."""

import asyncio
import importlib
import json
import sys
import types
import urllib.request
from urllib.parse import parse_qs, urlsplit

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


WHEELS = {"slime": None, "miles": ("miles-rl", "0.0.2")}


@pytest.fixture(params=WHEELS)
def slime(request, glue):
    """The reward hub; its rule-based rewards are stubs."""
    name = request.param
    hub = f"{name}/rollout/rm_hub/__init__.py"
    top = shelf.checkout(f"{name.upper()}_CHECKOUT", hub, WHEELS[name])
    pytest.importorskip("aiohttp")
    with shelf.importing(name) as imports:
        imports.put(name, shelf.package(top / name))
        for folder in ("rollout", "utils"):
            imports.put(f"{name}.{folder}", shelf.package(top / name / folder))
        misc = types.ModuleType("misc")
        registry = types.SimpleNamespace(get=lambda path: None)  # miles asks its tests' first
        misc.load_function = shelf.parts(
            top / name / "utils/misc.py", "load_function", importlib=importlib,
            function_registry=registry,
        )  # fmt: skip
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
            prompt=prompt, response=ended(r), label=a, metadata=None, custom_rm_path=None,
            index=40 + i, group_index=10 + i // 2, weight_versions=["default"],
        )
        for i, (prompt, r, a) in enumerate(zip(prompts, responses, ANSWERS))
    ]  # fmt: skip


def rewards(slime, url, found, custom=None):
    args = types.SimpleNamespace(custom_rm_path=custom, rm_type="remote_rm", rm_url=url,
                                 rollout_batch_size=5, n_samples_per_prompt=2)  # fmt: skip

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


def test_slime_tells_its_labels(slime, small, proxy, glue):
    """The step is the version of the weights, else the rollout that the group was drawn for; a
    sample without a group is one of an evaluation."""
    glue.setenv("REWARDD_URL", proxy.url)
    glue.setenv("REWARDD_RUN", "slime labels")
    glue.setenv("REWARDD_LABELS", "seed=3,lr=1e-6")
    found = samples()
    found[2].weight_versions = ["8", "9"]
    found[3].group_index = None
    assert rewards(slime, None, found, "rewardd.slime.reward") == processes(small)
    told = [parse_qs(urlsplit(path).query) for path, _ in proxy.calls]
    told.sort(key=lambda one: one["sample_index"])
    assert all(one["run"] == ["slime labels"] for one in told)
    assert all(one["label"] == ["seed=3", "lr=1e-6"] for one in told)
    assert [one["sample_index"] for one in told] == [["40"], ["41"], ["42"], ["43"]]
    assert [one.get("step") for one in told] == [["2"], ["2"], ["9"], None]
    assert [one.get("validate") for one in told] == [None, None, None, ["1"]]
    run = json.load(urllib.request.urlopen(small.url + "/v1/runs/slime%20labels", timeout=30))
    assert run["labels"] == {"seed": "3", "lr": "1e-6"} and run["traces"] >= 3


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
    top = shelf.checkout("NEMO_GYM_CHECKOUT", "nemo_gym/judge.py", ("nemo-gym", "0.7.0"))
    pytest.importorskip("pydantic")
    with shelf.importing("nemo_gym") as imports:
        imports.stub("fastapi", "fastapi.encoders", "fastapi.responses")
        importlib.import_module("fastapi.encoders").jsonable_encoder = lambda data: data
        importlib.import_module("fastapi.responses").JSONResponse = lambda content: content
        imports.put("nemo_gym", shelf.package(top / "nemo_gym"))
        base = types.ModuleType("base")
        base.BaseVerifyRequest = base.BaseVerifyResponse = Body
        base.SimpleResourcesServer = object
        imports.put("nemo_gym.base_resources_server", base)
        imports.stub("nemo_gym.server_utils")
        judge = imports.file("nemo_gym.judge", top / "nemo_gym/judge.py")
        from rewardd.nemo_gym import server_class

        yield judge.judge_failsafe(server_class()().verify)


def request(question, response, answer, **row):
    message = {"type": "message", "content": [{"type": "output_text", "text": response}]}
    return Body(
        responses_create_params={"input": [{"role": "user", "content": question}]},
        response={"output": [message]},
        expected_answer=answer,
        **row,
    )


def test_gym(gym, small):
    found = [asyncio.run(gym(body=request(*case))) for case in CASES]
    assert [one.reward for one in found] == processes(small)
    assert [one.rewardd_verified for one in found][:2] == [1, 0]
    note("nemo-gym 0.7.0", same_bits=f"{len(CASES)} traces")


def test_gym_tells_its_labels(gym, small, glue, proxy):
    glue.setenv("REWARDD_URL", proxy.url)
    glue.setenv("REWARDD_RUN", "gym")
    row = {"_ng_task_index": 12, "_ng_rollout_index": 3}
    assert asyncio.run(gym(body=request(*CASES[0], **row))).reward == processes(small)[0]
    assert json.loads(proxy.calls[0][1])["run"] == {"id": "gym", "sample_index": 12}


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
    note("nemo-gym 0.7.0", **{f"s{status}": "raises at once" if status == 400 else "tries again"})


@pytest.mark.parametrize(("kind", "bad"), LOST)
def test_gym_without_a_reward(gym, kind, bad):
    found = asyncio.run(gym(body=request(QUESTIONS[0], bad, None)))
    assert found["_ng_failure_class"] == "judge_failed"
    note("nemo-gym 0.7.0", **{kind: "a failed judge: left out"}, null="never")


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


BENCH, BENCH_MODEL = "ProcessBench RLHFlow", "Llama3.1-8B-PRM-Mistral-Data"


@pytest.fixture(scope="module")
def judge(rewardd_bin):
    """Our PRM under the name that the script asks for."""
    with Daemon([f"{shelf.SMALL[0]},name={BENCH_MODEL}"]) as daemon:
        yield daemon.wait_ready()


@pytest.fixture
def processbench(judge, proxy, tmp_path, monkeypatch):
    """Its script, its SDK: {problem and first step: the first wrong step}."""
    top = shelf.checkout("PROCESSBENCH_CHECKOUT", "code/run_eval_prm_rlhflow.py")
    monkeypatch.chdir(tmp_path)
    proxy.behind = judge.url
    with shelf.importing("openai") as imports:
        imports.path(shelf.folder("openai", "3.57.0"))
        openai = importlib.import_module("openai")
        monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
        module = imports.file("processbench", top / "code/run_eval_prm_rlhflow.py")
        module.OpenAI = lambda base_url, api_key: openai.OpenAI(
            base_url=proxy.url + "/v1", api_key=api_key
        )
        module.Pool = Pool

        def evaluate(rows):
            module.load_dataset = lambda name, split: rows
            module.main()
            folder = tmp_path / "outputs" / BENCH_MODEL
            lines = [p.read_text() for p in sorted(folder.glob("gsm8k_*.jsonl"))]
            told = [json.loads(line) for line in "".join(lines).splitlines()]
            return {one["problem"] + one["steps"][0]: one["prediction"] for one in told}

        yield evaluate


@pytest.fixture(autouse=True)
def datasets(monkeypatch):
    module = types.ModuleType("datasets")
    module.load_dataset = None
    monkeypatch.setitem(sys.modules, "datasets", module)


def bench_rows():
    labels = (-1, 0, -1, -1)
    return [
        {"problem": q, "steps": r.split("\n\n"), "label": label}
        for (q, r, _), label in zip(CASES, labels)
    ]


def bench_native(judge, rows):
    found = {}
    for row in rows:
        body = {"prompt": row["problem"], "trace": {"steps": row["steps"]}, "flags": "off"}
        steps = judge.post("/v1/rewards", body)["results"][0]["steps"]
        bad = [i for i, step in enumerate(steps) if step["reward"] < 0.5]
        found[row["problem"] + row["steps"][0]] = bad[0] if bad else -1
    return found


def test_processbench(processbench, judge, proxy):
    rows = bench_rows()
    native = bench_native(judge, rows)
    assert processbench(rows) == native
    assert -1 in native.values() and len(set(native.values())) > 1
    assert not any(b"null" in body for status, body in proxy.replies if status == 200)
    note(BENCH, same_bits=f"{len(CASES)} traces", null="never in a reply")


@pytest.mark.parametrize("status", STATUS)
def test_processbench_fails(processbench, judge, proxy, status):
    rows = bench_rows()
    proxy.plan = [status]
    if status == 400:
        with pytest.raises(Exception, match="scripted"):
            processbench(rows)
    else:
        assert processbench(rows) == bench_native(judge, rows)
    note(BENCH, **{f"s{status}": "raises at once" if status == 400 else "tries again"})


@pytest.mark.parametrize(("kind", "bad"), LOST)
def test_processbench_without_a_verdict(processbench, kind, bad):
    """It ends: a step that was not judged is no first wrong step."""
    rows = bench_rows()
    rows[1]["steps"][0] = bad
    with pytest.raises(Exception, match="422"):
        processbench(rows)
    note(BENCH, **{kind: "raises, named"})
