"""The glue of trainers, on a scripted server: what it sends, what it makes of each failure."""

import asyncio
import json
import subprocess
import sys
import types

import pytest
from conftest import answer, result

import rewardd
from rewardd import Client, RewarddError, RewardUnavailable, _glue
from rewardd import verl as verl_glue


def wanted(text):
    return result(0, 0, text)["process"]["reward"]


@pytest.fixture(autouse=True)
def environment(server, monkeypatch):
    """Glue is configured by environment, and keeps one client per process."""
    monkeypatch.setenv("REWARDD_URL", server.url)
    for name in ("RUN", "UNSCORABLE", "MODEL", "AGGREGATE", "GATE", "WHICH", "API_KEY", "SPLIT"):
        monkeypatch.delenv(f"REWARDD_{name}", raising=False)
    monkeypatch.setattr(_glue, "_client", None)
    monkeypatch.setattr(rewardd.areal, "_client", None)
    _glue._async_clients.clear()
    return monkeypatch


class State:
    global_step = 7


CHAT = [{"role": "developer", "content": [{"type": "text", "text": "be "}, "brief"]},
        {"role": "user", "content": "q"}]  # fmt: skip
TOOLS = [{"role": "assistant", "tool_calls": []}, {"role": "tool", "content": "5"},
         {"role": "assistant", "content": "c"}]  # fmt: skip


def call_trl(prompts, completions, **columns):
    return asyncio.run(rewardd.trl.reward(prompts, completions, **columns))


# ---- TRL ----------------------------------------------------------------------------------------


def test_trl_sends_groups_answers_and_labels(server, monkeypatch):
    words = {"RUN": "r", "AGGREGATE": "mean", "MODEL": "m", "API_KEY": "k", "SPLIT": "line"}
    for name, value in words.items():
        monkeypatch.setenv(f"REWARDD_{name}", value)
    extra, metric = {}, {}
    got = call_trl(
        ["p", "p", CHAT, CHAT, CHAT],
        ["a", "BAD", TOOLS, "d", "e"],
        completion_ids=[[1]] * 5,
        trainer_state=State(),
        log_extra=extra.__setitem__,
        log_metric=metric.__setitem__,
        solution=["1", "1", "2", "2", 3],
    )
    assert got == [wanted("a"), None, wanted("c"), wanted("d"), wanted("e")]
    _, body, headers = server.requests[0]
    assert headers["Authorization"] == "Bearer k"
    assert body["items"] == [
        {"prompt": "p", "reference": "1", "traces": ["a", "BAD"]},
        {"messages": [{"role": "system", "content": "be brief"},
                      {"role": "user", "content": "q"}], "reference": "2", "traces": ["c", "d"]},
        {"messages": [{"role": "system", "content": "be brief"},
                      {"role": "user", "content": "q"}], "reference": 3, "traces": ["e"]},
    ]  # fmt: skip
    assert body["run"] == {"id": "r", "step": 7}
    assert (body["aggregate"], body["model"], body["split"]) == ("mean", "m", "line")
    assert extra["rewardd_error"] == ["", "empty_trace", "", "", ""]
    assert metric["rewardd/missing_rate"] == 0.2
    assert rewardd.trl.reward.__name__ == "rewardd"
    assert asyncio.iscoroutinefunction(rewardd.trl.reward)


@pytest.mark.parametrize("column", ["sample_index", "index", "idx"])
def test_rows_are_numbered(server, monkeypatch, column):
    """Each item has the number of its row; a change of it ends an item."""
    monkeypatch.setenv("REWARDD_RUN", "r")
    monkeypatch.setenv("REWARDD_LABELS", "seed=3, lr=1e-6")
    call_trl(["p", "p", "p", "q"], list("abcd"), **{column: [5, 5, 6, None]})
    body = server.requests[0][1]
    assert [item.get("sample_index") for item in body["items"]] == [5, 6, None]
    assert [item["traces"] for item in body["items"]] == [["a", "b"], ["c"], ["d"]]
    assert body["run"] == {"id": "r", "labels": {"seed": "3", "lr": "1e-6"}}
    call_trl(["p"], ["a"], **{column: ["gsm8k-5"]})
    assert "sample_index" not in server.requests[1][1]["items"][0]


@pytest.mark.parametrize("column", ["answer", "ground_truth", "label", "target", "reference"])
def test_trl_columns_that_are_answers(server, column):
    call_trl(["p"], ["a"], **{column: [4.5]})
    assert server.requests[0][1]["items"][0]["reference"] == 4.5


@pytest.mark.parametrize("value", [None, "", True, float("nan"), {"a": 1}, ["x"]])
def test_what_is_no_answer_is_not_sent(server, value):
    call_trl(["p"], ["a"], answer=[value])
    assert "reference" not in server.requests[0][1]["items"][0]


def test_large_numbers_are_sent_as_text(server):
    call_trl(["p"], ["a"], answer=[2**60])
    assert server.requests[0][1]["items"][0]["reference"] == str(2**60)


@pytest.mark.parametrize(
    ("version", "safe"),
    [("1.5.1", False), ("0.24.0", False), ("1.6.0.dev0", False), ("1.6.0", True), ("2.0", True),
     ("1.16.0", True), ("unknown", False)],
)  # fmt: skip
def test_trl_that_makes_none_a_zero_is_stopped(monkeypatch, version, safe):
    monkeypatch.setitem(sys.modules, "trl", types.SimpleNamespace(__version__=version))
    if safe:
        assert call_trl(["p", "p"], ["a", "BAD"]) == [wanted("a"), None]
        return
    with pytest.raises(RewardUnavailable, match=r"trace 1 .* takes None for 0"):
        call_trl(["p", "p"], ["a", "BAD"])
    monkeypatch.setenv("REWARDD_UNSCORABLE", "-1")
    assert call_trl(["p", "p"], ["a", "BAD"]) == [wanted("a"), -1.0]
    with Client() as client:
        again = rewardd.trl.reward_function(client)
        assert again(["p", "p"], ["a", "BAD"]) == [wanted("a"), -1.0]


def test_a_call_without_any_reward_raises_with_the_reason(server, monkeypatch):
    with pytest.raises(RewarddError, match="none of 2 traces has a reward; the first: empty_trace"):
        call_trl(["p", "q"], ["BAD", "BAD"])
    assert call_trl([], []) == []
    monkeypatch.setenv("REWARDD_UNSCORABLE", "0.5")
    assert call_trl(["p", "q"], ["BAD", "BAD"]) == [0.5, 0.5]

    def later(handler, body):
        reply = answer(body)
        for found in reply["results"]:
            found["error"] = {"code": "deadline_exceeded", "message": "late", "retryable": True}
        handler.reply(200, reply)

    server.plan = [later]
    assert call_trl(["p", "q"], ["a", "b"]) == [None, None]  # a retry may cure it


def test_the_number_for_the_unscorable_is_for_them_only(server, monkeypatch):
    def refused(handler, body):
        reply = answer(body)
        reply["results"][0]["error"] = {"code": "invalid_request", "message": "no place"}
        handler.reply(200, reply)

    server.plan = [refused]
    monkeypatch.setenv("REWARDD_UNSCORABLE", "0")
    assert call_trl(["p", "p"], ["a", "b"]) == [None, wanted("b")]
    monkeypatch.setenv("REWARDD_UNSCORABLE", "nan")
    with pytest.raises(ValueError, match="REWARDD_UNSCORABLE"):
        call_trl(["p"], ["a"])


def test_options_are_checked_when_the_function_is_made():
    with pytest.raises(TypeError, match="aggregate"):
        rewardd.trl.reward_function(Client(), agregate="min")


def test_gates_and_kinds(server, monkeypatch):
    def gated(handler, body):
        reply = answer(body)
        for found, value in zip(reply["results"], (0.25, None)):
            error = None if value is not None else {"code": "not_calibrated", "message": "m"}
            found["gated"] = {"reward": value, "ungated": 0.9, "of": "process", "by": ["shape"],
                              "error": error}  # fmt: skip
            found["outcome"] = {"reward": 0.75, "raw": 1.5, "verified": None, "error": None}
        handler.reply(200, reply)

    server.plan = [gated, gated]
    monkeypatch.setenv("REWARDD_GATE", "min_process, shape")
    assert call_trl(["p", "p"], ["a", "b"]) == [0.25, None]
    assert server.requests[0][1]["gate"] == ["min_process", "shape"]
    monkeypatch.delenv("REWARDD_GATE")
    monkeypatch.setenv("REWARDD_WHICH", "outcome")

    def both(handler, body):
        reply = answer(body)
        reply["results"][0]["outcome"] = {"reward": 0.75, "raw": 1.5, "verified": None}
        handler.reply(200, reply)

    server.plan = [both, both]
    assert call_trl(["p"], ["a"]) == [0.75]
    monkeypatch.setenv("REWARDD_WHICH", "process")
    assert call_trl(["p"], ["a"]) == [wanted("a")]
    monkeypatch.setenv("REWARDD_WHICH", "both")
    with pytest.raises(ValueError, match="REWARDD_WHICH"):
        call_trl(["p"], ["a"])


# ---- verl ---------------------------------------------------------------------------------------


class Ids(list):
    """As much of a tensor as the manager uses."""

    @property
    def shape(self):
        return (len(self),)

    def __getitem__(self, at):
        found = list.__getitem__(self, at)
        return Ids(found) if isinstance(at, slice) else found

    def sum(self):
        return sum(self)


class Decoder:
    def decode(self, ids, skip_special_tokens):
        assert skip_special_tokens
        return "".join(map(chr, ids))


def row(text, pad=3, **fields):
    ids = Ids(list(map(ord, text)) + [0] * pad)
    mask = Ids([1, 1] + [1] * len(text) + [0] * pad)
    fields.setdefault("raw_prompt", [{"role": "user", "content": "q"}])
    meta = fields.pop("meta_info", {})
    one = types.SimpleNamespace(
        batch={"responses": ids, "attention_mask": mask}, non_tensor_batch=fields, meta_info=meta
    )
    return [one]


def manager(config=None):
    return verl_glue.RewarddManager(config, Decoder())


def test_verl_manager(server, monkeypatch):
    monkeypatch.setenv("REWARDD_RUN", "v")
    config = {"actor_rollout_ref": {"rollout": {"n": 8, "val_kwargs": {"n": 2}}}}
    data = row("answer", reward_model={"ground_truth": "42"}, index=5,
               meta_info={"global_steps": 3})  # fmt: skip
    got = asyncio.run(manager(config).run_single(data))
    assert got["reward_score"] == wanted("answer")
    body = server.requests[0][1]
    assert body["items"] == [
        {"messages": [{"role": "user", "content": "q"}], "reference": "42", "traces": ["answer"]}
    ]
    assert body["run"] == {"id": "v", "step": 3, "sample_index": 5, "rollout_n": 8}
    data = row("x", meta_info={"global_steps": 3, "validate": True})
    other = asyncio.run(manager(config).run_single(data))
    assert server.requests[1][1]["run"] == {
        "id": "v",
        "step": 3,
        "rollout_n": 2,
        "validate": True,
    }
    extra, again = got["reward_extra_info"], other["reward_extra_info"]
    assert extra.keys() == again.keys()  # verl stacks them
    assert all(isinstance(value, (int, float)) for value in extra.values())


def test_verl_failures(monkeypatch):
    with pytest.raises(RewardUnavailable, match="empty_trace"):
        asyncio.run(manager().run_single(row("BAD")))
    with pytest.raises(RewarddError, match="return_raw_chat"):
        asyncio.run(manager().run_single(row("a", raw_prompt=None)))
    monkeypatch.setenv("REWARDD_UNSCORABLE", "0")
    got = asyncio.run(manager().run_single(row("BAD")))
    assert got["reward_score"] == 0 and got["reward_extra_info"]["scored"] == 0


def test_verl_function(server):
    extra = {"question": "q", "index": 3}
    got = verl_glue.compute_score("gsm8k", "a", "42", extra, sandbox=None)
    assert got["score"] == wanted("a")
    assert server.requests[0][1]["items"][0] == {
        "prompt": "q",
        "reference": "42",
        "traces": ["a"],
    }
    with pytest.raises(RewarddError, match=r"it has \['index', 'split'\].*RewarddManager"):
        verl_glue.compute_score("math", "a", "42", {"split": "train", "index": 3})
    with pytest.raises(RewarddError, match="it has \\[\\]"):
        verl_glue.compute_score("math", "a")


# ---- wires --------------------------------------------------------------------------------------


def says(reply, status=200):
    return lambda handler, _: handler.reply(status, reply)


def sample(**fields):
    fields = {"prompt": "<|im_start|>q", "response": "a<|im_end|>", "label": "42", **fields}
    return types.SimpleNamespace(**fields)


def test_slime(server, monkeypatch):
    reply = {"reward": 0.5, "steps": []}
    monkeypatch.setenv("REWARDD_RUN", "a run")
    monkeypatch.setenv("REWARDD_AGGREGATE", "min")
    server.plan = [says(reply)] * 3
    assert asyncio.run(rewardd.slime.reward(None, sample())) == reply
    path, body, _ = server.requests[0]
    assert path == "/compat/slime?aggregate=min&run=a+run"
    assert body == {"prompt": "<|im_start|>q", "response": "a<|im_end|>", "label": "42"}
    many = [sample(prompt=CHAT), sample(label=None)]
    assert asyncio.run(rewardd.slime.reward(None, many)) == [reply, reply]
    prompts = [body["prompt"] for _, body, _ in server.requests[1:]]
    assert [{"role": "system", "content": "be brief"}, {"role": "user", "content": "q"}] in prompts


@pytest.mark.parametrize("reply", [{"reward": None}, {"reward": "0.5"}, {}, None])
def test_slime_never_gets_a_null(server, reply):
    server.plan = [says(reply)]
    with pytest.raises((RewarddError, AttributeError)):
        asyncio.run(rewardd.slime.reward(None, sample()))


def test_slime_post_process():
    samples = [types.SimpleNamespace(reward=r) for r in ({"reward": 1.0}, 0.0, 0.5, 0.5)]
    args = types.SimpleNamespace(n_samples_per_prompt=2, reward_key="reward")
    assert rewardd.slime.post_process(args, samples) == (
        [1.0, 0.0, 0.5, 0.5],
        [0.5, -0.5, 0.0, 0.0],
    )
    args.grpo_std_normalization = True
    assert rewardd.slime.post_process(args, samples)[1][0] == pytest.approx(0.7071, abs=1e-4)


def test_areal(server, monkeypatch):
    monkeypatch.setenv("REWARDD_UNSCORABLE", "0")
    server.plan = [says(0.25), says(0.5), (503, ()), says(0.75)]
    assert rewardd.areal.reward_fn("<|im_start|>q", "a", [1], [2], answer="4") == 0.25
    path, body, _ = server.requests[0]
    assert path == "/compat/slime?bare=1&unscorable=0.0"
    assert body == {"prompt": "<|im_start|>q", "response": "a", "label": "4"}
    assert rewardd.areal.reward_fn("x", "a", messages=CHAT) == 0.5
    assert server.requests[1][1]["prompt"][0] == {"role": "system", "content": "be brief"}
    assert rewardd.areal.reward_fn("x", "a") == 0.75  # a busy daemon is asked again
    server.plan = [says(None)]
    with pytest.raises(RewardUnavailable, match="not a reward"):
        rewardd.areal.reward_fn("x", "a")
    server.plan = [(422, ())]
    with pytest.raises(RewarddError):
        rewardd.areal.reward_fn("x", "a")


def test_areal_keeps_under_its_deadline(server, monkeypatch):
    monkeypatch.setattr(rewardd.areal, "DEADLINE_S", 0.6)
    server.plan = [(503, ())] * 20
    with pytest.raises(RewardUnavailable):
        rewardd.areal.reward_fn("x", "a")
    assert len(server.requests) <= 3


def test_openrlhf(server, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setenv("REWARDD_RUN", "r1")
    assert rewardd.openrlhf.url() == server.url + "/get_reward?run=r1"
    reply = {"rewards": [0.5, 0.25], "scores": [0.5, 0.25], "extra_logs": {"n_steps": [1, 2]}}
    server.plan = [says(reply)]
    got = rewardd.openrlhf.reward_func(["qa", "qb"], ["q", "q"], ["1", {"x": 2}])
    assert torch.equal(got["rewards"], torch.tensor([0.5, 0.25]))
    assert torch.equal(got["extra_logs"]["n_steps"], torch.tensor([1.0, 2.0]))
    path, body, _ = server.requests[0]
    assert path == "/get_reward?run=r1"
    assert body == {"query": ["qa", "qb"], "prompts": ["q", "q"], "labels": ["1", None]}


def test_swift(server, monkeypatch):
    messages = [[*CHAT, {"role": "assistant", "content": "a"}]] * 2
    orm = rewardd.swift.Rewardd(args=None)
    columns = {"messages": messages, "solution": ["4", "4"], "trainer_state": State()}
    got = asyncio.run(orm(["a", "b"], **columns))
    assert got == [wanted("a"), wanted("b")]
    item = server.requests[0][1]["items"][0]
    assert item["reference"] == "4" and item["messages"][-1] == {"role": "user", "content": "q"}
    with pytest.raises(RewardUnavailable, match="ms-swift takes None for 0"):
        asyncio.run(orm(["a", "BAD"], **columns))
    with pytest.raises(ValueError, match="no messages"):
        asyncio.run(orm(["a"]))
    table = types.SimpleNamespace(orms={})
    monkeypatch.setitem(sys.modules, "swift", types.SimpleNamespace(rewards=table))
    monkeypatch.setitem(sys.modules, "swift.rewards", table)
    rewardd.swift.register()
    assert table.orms == {"rewardd": rewardd.swift.Rewardd}


RESPONSE = {
    "output": [
        {"type": "reasoning", "content": []},
        {"type": "message", "content": [{"type": "output_text", "text": "a"}]},
    ]
}


def test_gym(server):
    params = {"input": [{"role": "user", "content": [{"type": "input_text", "text": "q"}]}],
              "instructions": "be brief"}  # fmt: skip
    got = asyncio.run(rewardd.nemo_gym.score(params, RESPONSE, "42"))
    assert got["reward"] == wanted("a") and got["rewardd_n_steps"] == 1
    assert server.requests[0][1]["items"] == [
        {
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "q"},
            ],
            "reference": "42",
            "traces": ["a"],
        }
    ]
    lost = {"output": [{"type": "message", "content": [{"type": "output_text", "text": "BAD"}]}]}
    with pytest.raises(RewardUnavailable):
        asyncio.run(rewardd.nemo_gym.score({"input": "q"}, lost))


def test_wires_have_no_gates(monkeypatch):
    monkeypatch.setenv("REWARDD_GATE", "min_process")
    with pytest.raises(ValueError, match="no place for gates"):
        rewardd.openrlhf.url()


def test_pictures_cannot_be_scored():
    with pytest.raises(ValueError, match="only parts of text"):
        call_trl([[{"role": "user", "content": [{"type": "image"}]}]], ["a"])


def test_each_module_is_reached_by_name_without_its_trainer():
    """`pkg.mod.fn` as trainers load it; none of them brings a trainer or torch along."""
    code = """
import importlib, json, sys
names = ["trl.reward", "verl.RewarddManager", "verl.compute_score", "slime.reward",
         "slime.post_process", "areal.reward_fn", "swift.Rewardd", "openrlhf.reward_func",
         "nemo_gym.server_class"]
for name in names:
    module, function = name.rsplit(".", 1)
    assert callable(getattr(importlib.import_module("rewardd." + module), function)), name
print(json.dumps([name for name in ("torch", "numpy", "trl", "pydantic") if name in sys.modules]))
"""
    cwd = rewardd.__path__[0] + "/.."
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("module", ["swift", "verl", "nemo_gym", "openrlhf"])
def test_modules_print_what_to_write(module):
    cwd = rewardd.__path__[0] + "/.."
    command = [sys.executable, "-m", f"rewardd.{module}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=True)
    line = done.stdout.strip()
    assert line.startswith("http") if module == "openrlhf" else line.endswith(".py")
