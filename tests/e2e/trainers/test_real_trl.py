"""TRL's own GRPO, by name alone: `trl grpo --reward_funcs rewardd.trl.reward`, and what its
versions make of a trace without a reward. axolotl's loader of the same name."""

import asyncio
import contextlib
import importlib
import inspect
import json
import math
import os
import subprocess
import sys
import threading
import types
import urllib.request

import pytest
import shelf
from cases import ANSWERS, CASES, CONVERSATIONS, OVERLONG, QUESTIONS, RESPONSES, processes, single
from table import note

torch = pytest.importorskip("torch")
LONG = bool(os.environ.get("REWARDD_LONG"))
STEPS, GROUP = 2, 4


class Trainer:
    """What GRPOTrainer._calculate_rewards asks of its trainer, with that method of a wheel."""

    def __init__(self, version, function):
        file = shelf.folder("trl", version) / "trl/trainer/grpo_trainer.py"
        self.calculate = shelf.parts(
            file,
            "GRPOTrainer._calculate_rewards",
            torch=torch,
            nn=torch.nn,
            inspect=inspect,
            asyncio=asyncio,
            gather=lambda tensor: tensor,
            is_conversational=lambda example: False,
            is_async_callable=inspect.iscoroutinefunction,
            profiling_context=lambda *_: contextlib.nullcontext(),
            logger=types.SimpleNamespace(warning=lambda *_: None),
        )
        self.accelerator = types.SimpleNamespace(device="cpu")
        self.reward_funcs, self.reward_processing_classes = [function], [None]
        self.reward_func_names = [function.__name__]
        self.state = types.SimpleNamespace(global_step=3)
        self.extra, self.metrics, self.environments, self.tools = {}, {}, None, []
        self._log_completion_extra = self.extra.__setitem__
        self._log_metric = self.metrics.__setitem__
        self.async_loop = asyncio.new_event_loop()
        threading.Thread(target=self.async_loop.run_forever, daemon=True).start()

    def rewards(self, prompts, completions):
        columns = {"prompt": prompts, "solution": ANSWERS}
        inputs = [dict(zip(columns, row)) for row in zip(*columns.values())]
        return self.calculate(self, inputs, prompts, completions, None).squeeze(1).tolist()


def by_name(path):
    """As the script of `trl grpo` finds it."""
    module, function = path.rsplit(".", 1)
    return getattr(importlib.import_module(module), function)


def by_axolotl(path):
    """As axolotl's strategy finds it."""
    file = shelf.folder("axolotl", "0.19.0") / "axolotl/core/trainers/grpo/__init__.py"
    find = shelf.parts(
        file, "GRPOStrategy.get_reward_func", importlib=importlib, inspect=inspect, RewardFunc=None
    )
    return find(None, path)


# name: the TRL it runs on, how it finds a function, what it makes of a None
TRAINERS = {
    "trl 1.5.1": ("1.5.1", by_name, "TRL before 1.6 takes None for 0"),
    "trl 1.16.0": ("1.16.0", by_name, None),
    "axolotl 0.19.0": ("1.9.0", by_axolotl, "axolotl's own trainers take None for 0"),
}


@pytest.fixture(params=TRAINERS)
def trainer(request, glue):
    version, find, takes_none = TRAINERS[request.param]
    installed = types.ModuleType("trl")
    installed.__version__ = version
    glue.setitem(sys.modules, "trl", installed)
    if find is by_axolotl:
        glue.setitem(sys.modules, "axolotl", types.ModuleType("axolotl"))
    made = Trainer(version, find("rewardd.trl.reward"))
    made.name, made.takes_none = request.param, takes_none
    yield made
    made.async_loop.call_soon_threadsafe(made.async_loop.stop)


@pytest.mark.parametrize("prompts", [QUESTIONS, CONVERSATIONS])
def test_same_bits(trainer, small, glue, prompts):
    glue.setenv("REWARDD_RUN", trainer.name.replace(" ", "-"))
    completions = RESPONSES
    if prompts is CONVERSATIONS:
        completions = [[{"role": "assistant", "content": text}] for text in RESPONSES]
    assert trainer.rewards(prompts, completions) == single(processes(small))
    assert trainer.metrics["rewardd/verified_rate"] == 0.75  # `solution` became the reference
    note(trainer.name, same_bits=f"{len(CASES)} traces")


@pytest.mark.parametrize(("kind", "response"), [("empty", ""), ("over_long", OVERLONG)])
def test_a_trace_without_a_reward(trainer, small, glue, kind, response):
    completions = [RESPONSES[0], response, *RESPONSES[2:]]
    want = single(processes(small))
    if trainer.takes_none:  # advantage -1.5 in a measured run of TRL 1.5.1
        with pytest.raises(Exception, match=trainer.takes_none):
            trainer.rewards(QUESTIONS, completions)
        ends = "raises"
    else:
        found = trainer.rewards(QUESTIONS, completions)
        assert math.isnan(found.pop(1)) and found == [want[0], *want[2:]]
        ends = "NaN, left out"
    glue.setenv("REWARDD_UNSCORABLE", "-1")
    assert trainer.rewards(QUESTIONS, completions) == [want[0], -1.0, *want[2:]]
    note(trainer.name, **{kind: f"{ends}; or the user's number"}, null=ends)


def test_no_trace_of_a_call_has_a_reward(trainer):
    with pytest.raises(Exception, match=r"none of 4 traces has a reward; the first: empty_trace"):
        trainer.rewards(QUESTIONS, [""] * 4)


@pytest.mark.parametrize("status", [400, 429, 503])
def test_a_failing_daemon(trainer, small, glue, proxy, status):
    from rewardd import _wire

    glue.setattr(_wire, "BACKOFF_FIRST_S", 0.001)
    glue.setenv("REWARDD_URL", proxy.url)
    proxy.plan = [status]
    if status == 400:
        with pytest.raises(Exception, match="scripted"):
            trainer.rewards(QUESTIONS, RESPONSES)
    else:
        assert trainer.rewards(QUESTIONS, RESPONSES) == single(processes(small))
    ends = "raises at once" if status == 400 else "tries again"
    note(trainer.name, **{f"s{status}": ends})


@pytest.mark.parametrize("file", ["async_trainer.py", "trainer.py"])
def test_axolotl_adds_a_none_up_as_zero(file):
    """Why our function raises there: rows of NaN alone reach nansum, and no mask takes them out."""
    text = (shelf.folder("axolotl", "0.19.0") / "axolotl/core/trainers/grpo" / file).read_text()
    assert ").nansum(dim=1)" in text and "unscorable_mask" not in text
    trl = shelf.folder("trl", "1.9.0") / "trl/trainer/grpo_trainer.py"
    assert "unscorable_mask" in trl.read_text()


# ---- the real trainer ---------------------------------------------------------------------------


def policy(folder):
    """A Qwen2 of random weights over the default model's tokenizer, saved as trl loads it."""
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    file = shelf.TOP / "deploy/models/rewardd-prm-small/tokenizer.json"
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(file))
    tokenizer.add_special_tokens({"eos_token": "<|end|>", "pad_token": "<|pad|>"})
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
    )
    torch.manual_seed(1)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def command_line(tmp_path):
    """`trl grpo`, with questions that have a system turn and answers."""
    questions = [f"What is {i} plus {i}?" for i in range(8)]
    rows = [
        {"prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": q}],
         "answer": str(2 * i)}
        for i, q in enumerate(questions)
    ]  # fmt: skip
    data, model = tmp_path / "data", tmp_path / "policy"
    data.mkdir()
    (data / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    policy(model)
    settings = {
        "model_name_or_path": model, "dataset_name": data, "output_dir": tmp_path / "out",
        "reward_funcs": "rewardd.trl.reward", "max_steps": STEPS, "num_generations": GROUP,
        "per_device_train_batch_size": GROUP, "max_completion_length": 12, "logging_steps": 1,
        "learning_rate": 1e-3, "report_to": "none", "use_cpu": "True", "bf16": "False",
        "save_strategy": "no", "seed": 7, "disable_tqdm": "True", "dtype": "float32",
    }  # fmt: skip
    return [word for name, value in settings.items() for word in (f"--{name}", str(value))]


def test_trl_grpo_by_configuration_alone(small, glue, tmp_path):
    """The command `trl grpo`, run in this process: a system turn in every prompt, answers in a
    column, and nothing of ours but a name and an address."""
    pytest.importorskip("trl")
    import trl
    from trl.scripts import grpo

    glue.setenv("REWARDD_RUN", "trl-cli")
    trainers = []
    train = trl.GRPOTrainer.train

    def kept(self, *args, **kwargs):
        trainers.append(self)
        return train(self, *args, **kwargs)

    glue.setattr(trl.GRPOTrainer, "train", kept)
    parser = grpo.make_parser()
    grpo.main(*parser.parse_args_and_config(command_line(tmp_path)))
    history = trainers[0].state.log_history
    means = [entry["rewards/rewardd/mean"] for entry in history if "rewards/rewardd/mean" in entry]
    assert len(means) == STEPS and all(0 < mean < 1 for mean in means)
    assert any("rewardd/missing_rate" in name for entry in history for name in entry)
    with urllib.request.urlopen(small.url + "/v1/runs/trl-cli", timeout=30) as reply:
        state = json.load(reply)
    assert state["traces"] == STEPS * GROUP
    note(f"trl {trl.__version__}", same_bits=f"{len(CASES)} traces, trl grpo runs")


@pytest.mark.skipif(not LONG, reason="REWARDD_LONG: a second TRL in a process of its own")
def test_real_trl_1_5_1_ends_instead_of_training_on_a_zero(small, glue, tmp_path):
    folder = shelf.folder("trl", "1.5.1")
    script = tmp_path / "run.py"
    script.write_text(
        "import sys, rewardd.trl, trl\n"
        "from trl.scripts import grpo\n"
        "assert trl.__version__ == '1.5.1'\n"
        "real = rewardd.trl._glue.completion_of\n"
        "rewardd.trl._glue.completion_of = lambda c, n=[0]: "
        "(n.__setitem__(0, n[0] + 1), '' if n[0] == 2 else real(c))[1]\n"
        "parser = grpo.make_parser()\n"
        "grpo.main(*parser.parse_args_and_config(sys.argv[1:]))\n"
    )
    path = os.pathsep.join([str(folder), str(shelf.TOP / "clients/python")])
    done = subprocess.run(
        [sys.executable, str(script), *command_line(tmp_path)],
        env=dict(os.environ, PYTHONPATH=path, REWARDD_URL=small.url),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode != 0
    assert "TRL before 1.6 takes None for 0" in done.stderr, done.stderr[-2000:]
