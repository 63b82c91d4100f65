"""README's table "your trainer: the line to write": each line is taken from there and executed with
the trainer's own code, and gives the rewards of /v1/rewards."""

import asyncio
import os
import re
import shlex
import subprocess
import sys
import types

import pytest
import shelf
import test_real_git as git
import test_real_openrlhf as openrlhf
import test_real_posting as posting
import test_real_swift as swift
import test_real_trl as trl
import test_real_verl as verl
from cases import (
    ANSWERS,
    CASES,
    CONVERSATIONS,
    QUESTIONS,
    RESPONSES,
    chatml,
    ended,
    outcomes,
    processes,
    rendered,
    single,
)

areal, gym, llamafactory = posting.areal, git.gym, posting.llamafactory
qwen, reward_hub = posting.qwen, posting.reward_hub


def lines():
    """{trainer: line}, in README's order."""
    text = (shelf.TOP / "README.md").read_text()
    table = text[text.index("| your trainer |") :].split("\n\n")[0].splitlines()[2:]
    found = {}
    for row in table:
        name, line = (cell.strip() for cell in row.strip("|").split("|"))
        assert re.fullmatch(r"`[^`]+`", line), row
        found[name] = line.strip("`")
    return found


LINES = lines()
RUN = {}


def line(name):
    """Registers the test of a line; it is called with the line, the daemon's address put in."""

    def register(function):
        RUN[name] = function
        return function

    return register


def words(text):
    """As a shell splits them; $(python -m ...) is run."""

    def output(found):
        command = [sys.executable, *shlex.split(found[1])[1:]]
        env = dict(os.environ, PYTHONPATH=str(shelf.TOP / "clients/python"))
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
        return done.stdout.strip()

    return shlex.split(re.sub(r"\$\((python [^)]*)\)", output, text))


def flags(text):
    """--name value pairs."""
    every = words(text)
    assert all(name.startswith("--") for name in every[::2])
    return dict(zip(every[::2], every[1::2]))


def has_flag(file, flag):
    """The trainer's own parser knows the flag."""
    assert re.search(rf'"{re.escape(flag)}"', file.read_text()), f"{file} has no {flag}"


# ---- one for each line --------------------------------------------------------------------------


def openrlhf_line(version, flag, text, small):
    cli = shelf.folder("openrlhf", version) / "openrlhf/cli/train_ppo_ray.py"
    has_flag(cli, flag)
    with shelf.importing("openrlhf") as imports:
        client = openrlhf.Client(version, imports)
        return single(openrlhf.ask(client, [flags(text)[flag]]))


@line("OpenRLHF")
def run_openrlhf(text, small, **_):
    found = [openrlhf_line(v, "--remote_rm_url", text, small) for v in openrlhf.POSTING]
    return found, [single(processes(small))] * len(openrlhf.POSTING)


@line("OpenRLHF since 0.10.2")
def run_openrlhf_now(text, small, **_):
    found = openrlhf_line("0.11.2", "--reward.remote_url", text, small)
    return found, single(processes(small))


def trl_rewards(function, small, version="1.16.0"):
    trainer = trl.Trainer(version, function)
    found = trainer.rewards(QUESTIONS, RESPONSES)
    trainer.async_loop.call_soon_threadsafe(trainer.async_loop.stop)
    return found, single(processes(small))


@line("TRL")
def run_trl(text, small, **_):
    """Read by trl's own parser. test_real_trl trains with this line."""
    pytest.importorskip("trl")
    from trl.scripts import grpo

    command, script, *rest = words(text)
    assert (command, script) == ("trl", "grpo")
    need = ["--output_dir", "out", "--bf16", "False", "--use_cpu", "True"]
    arguments, *_ = grpo.make_parser().parse_args_and_config([*rest, *need])
    (name,) = arguments.reward_funcs
    return trl_rewards(trl.by_name(name), small)


@line("TRL in Python")
def run_trl_in_python(text, small, **_):
    import rewardd

    scope = {"rewardd": rewardd, "arguments": {}, "GRPOTrainer": lambda reward_funcs: reward_funcs}
    (function,) = eval(text, scope)
    return trl_rewards(function, small)


@line("axolotl")
def run_axolotl(text, small, **_):
    yaml = pytest.importorskip("yaml")
    schema = shelf.folder("axolotl", "0.19.0") / "axolotl/utils/schemas/trl.py"
    (settings,) = yaml.safe_load(text).values()
    assert all(f"    {name}:" in schema.read_text() for name in settings)
    (name,) = settings["reward_funcs"]
    return trl_rewards(trl.by_axolotl(name), small, "1.9.0")


def configured(version, text):
    """verl's own default configuration with the line's overrides; Hydra refuses unknown keys."""
    yaml = pytest.importorskip("yaml")
    folder = shelf.folder("verl", version) / "verl/trainer/config"
    name = "_generated_ppo_trainer.yaml" if version != "0.6.1" else "ppo_trainer.yaml"
    settings = yaml.safe_load((folder / name).read_text())
    for word in words(text):
        path, _, value = word.partition("=")
        *above, last = path.split(".")
        branch = settings
        for step in above:
            branch = branch[step]
        assert last in branch, f"verl {version} has no {path}"
        branch[last] = value
    return settings


def verl_loop(version, text, small):
    settings = verl.config(**configured(version, text))
    with shelf.importing("verl") as imports:
        _, worker = verl.Verl(version, imports).loop(settings)
        found = asyncio.run(worker.compute_score_batch(verl.data()))
    return [one["reward_score"] for one in found], processes(small)


@line("verl since 0.8")
def run_verl(text, small, **_):
    return verl_loop("0.9.1", text, small)


@line("verl 0.7")
def run_verl_7(text, small, **_):
    return verl_loop("0.7.0", text, small)


@line("verl 0.6")
def run_verl_6(text, small, **_):
    settings = configured("0.6.1", text)
    settings["data"] = {"reward_fn_key": "data_source"}
    settings["reward_model"] = {}
    with shelf.importing("verl") as imports:
        wheel = verl.Verl("0.6.1", imports)
        imports.forget("custom_module")
        loaded = verl.config(**settings)
        manager = wheel.reward.load_reward_manager(loaded, verl.Tokenizer(), num_examine=0)
        rows = verl.data(extra=[{"question": case[0]} for case in CASES])
        _, more = wheel.reward.compute_reward(rows, manager)
    return more["score"], processes(small)


@line("slime, miles")
def run_slime(text, small, **_):
    """What remote_rm posts, and the key that is read; test_real_git runs slime's own code."""
    found = flags(text)
    assert found["--rm-type"] == "remote_rm"
    requests = pytest.importorskip("requests")
    rewards = []
    for one in git.samples():
        body = {"prompt": one.prompt, "response": one.response, "label": one.label}
        reply = requests.post(found["--rm-url"], json=body, timeout=60)
        rewards.append(reply.json()[found["--reward-key"]])
    return rewards, processes(small)


@line("slime, miles with our client")
def run_slime_client(text, small, **_):
    found = flags(text)
    function = trl.by_name(found["--custom-rm-path"])
    replies = asyncio.run(function(None, git.samples()))
    return [one[found["--reward-key"]] for one in replies], processes(small)


@line("ms-swift")
def run_swift(text, small, request, **_):
    found = flags(text)
    wheel = request.getfixturevalue("wheel_swift")
    wheel.utils.import_external_file(found["--external_plugins"])
    function = wheel.orms[found["--reward_funcs"]](args=None)
    samples = [swift.Sample(*row) for row in zip(CONVERSATIONS, RESPONSES, ANSWERS)]
    state = types.SimpleNamespace(global_step=1)
    rewards = wheel.algorithm.compute_rewards_per_func(samples, [function], None, "cpu", state)
    return rewards.squeeze(1).tolist(), single(processes(small))


wheel_swift = swift.swift


@line("AReaL")
def run_areal(text, small, **_):
    base = shelf.folder("areal", "1.0.4") / "areal"
    workflow = (base / "workflow/rlvr.py").read_text()
    assert "reward_fn: Callable[..., Any] | str" in workflow
    names = eval(text, {"arguments": {}, "RLVRWorkflow": lambda reward_fn: reward_fn})
    with shelf.importing("areal") as imports:
        imports.put("areal", shelf.package(base))
        imports.put("areal.utils", shelf.package(base / "utils", logging=shelf.Stub("logging")))
        load = imports.file("areal.utils.dynamic_import", base / "utils/dynamic_import.py")
        function = load.import_from_string(names)
    cases = zip(QUESTIONS, RESPONSES, ANSWERS)
    found = [function(chatml(q), ended(r), [1], [2], answer=a) for q, r, a in cases]
    return found, processes(small)


@line("LLaMA-Factory")
def run_llamafactory(text, small, request, **_):
    settings = dict(pair.split(": ") for pair in text.split(", "))
    file = shelf.folder("llamafactory", "0.9.5") / "llamafactory/hparams/finetuning_args.py"
    assert all(f"    {name}:" in file.read_text() for name in settings)
    assert settings["reward_model_type"] == "api"
    ask = request.getfixturevalue("llamafactory")
    found = ask(settings["reward_model"], posting.texts()).tolist()
    return found, single(outcomes(small, raw=True))


@line("NeMo-Gym")
def run_gym(text, small, tmp_path, **_):
    """The file is where the line says, and starts our server on Gym's classes (stubs here)."""
    folder = tmp_path / "resources_servers/rewardd"
    folder.mkdir(parents=True)
    subprocess.run(words(text), check=True, cwd=tmp_path)
    with shelf.importing("nemo_gym") as imports:
        base, judge = types.ModuleType("base"), types.ModuleType("judge")
        started = []

        class Server:
            run_webserver = classmethod(started.append)

        base.BaseVerifyRequest = base.BaseVerifyResponse = git.Body
        base.SimpleResourcesServer = Server
        judge.JudgeError = RuntimeError
        imports.put("nemo_gym", shelf.package(folder))
        imports.put("nemo_gym.base_resources_server", base)
        imports.put("nemo_gym.judge", judge)
        scope = {"__name__": "__main__"}
        exec(compile((folder / "app.py").read_text(), "app.py", "exec"), scope)
        (server,) = started
        found = [asyncio.run(server().verify(git.request(*case))).reward for case in CASES]
    return found, processes(small)


@line("xtuner")
def run_xtuner(text, small, **_):
    path = shelf.folder("xtuner", "0.2.0") / "xtuner/utils/rm_utils.py"
    with shelf.importing("xtuner") as imports:
        transformers = types.ModuleType("transformers")
        transformers.AutoTokenizer = types.SimpleNamespace(from_pretrained=lambda *_, **__: None)
        imports.put("transformers", transformers)
        module = imports.file("xtuner_rm_utils", path)
    client = eval(text, {"RewardModelClient": module.RewardModelClient})
    found = client.sglang_request_reward(posting.raw_texts())
    return found, outcomes(small, raw=True)


@line("reward_hub")
def run_reward_hub(text, request, qwen, **_):
    make = request.getfixturevalue("reward_hub")
    scope = {"OpenAIProcessRewardModel": lambda name, port: make(port)}
    model = eval(text.replace("7392", str(qwen.port)), scope)
    found = model.score(posting.dialogues(), return_full_prm_result=True)
    return [one.step_scores for one in found], posting.steps_of(qwen)


@line("OpenAI SDK")
def run_openai(text, small, **_):
    with shelf.importing("openai") as imports:
        imports.path(shelf.folder("openai", "3.57.0"))
        openai = pytest.importorskip("openai")
        scope = {"OpenAI": openai.OpenAI, "text": rendered(RESPONSES[0], QUESTIONS[0])}
        return eval(text, scope).data[0].embedding, [outcomes(small, raw=True)[0]]


@line("Cohere SDK")
def run_cohere(text, small, **_):
    with shelf.importing("cohere") as imports:
        imports.path(shelf.folder("cohere", "7.3.1"))
        cohere = pytest.importorskip("cohere")
        scope = {"ClientV2": cohere.ClientV2, "question": QUESTIONS[0], "traces": RESPONSES[:2]}
        found = {one.index: one.relevance_score for one in eval(text, scope).results}
    return [found[0], found[1]], outcomes(small)[:2]


@line("Hugging Face Hub")
def run_hub(text, small, **_):
    hub = pytest.importorskip("huggingface_hub")
    scope = {"InferenceClient": hub.InferenceClient}
    scope["text"] = chatml(QUESTIONS[0]) + ended(RESPONSES[0])
    return eval(text, scope)[0].score, outcomes(small)[0]


@line("anything in Python")
def run_python(text, small, **_):
    import rewardd

    scope = {"rewardd": rewardd, "question": QUESTIONS[0], "trace": RESPONSES[0]}
    return eval(text, scope), processes(small)[0]


# ---- all of them --------------------------------------------------------------------------------


def test_every_line_has_its_test():
    assert list(LINES) == list(RUN) and len(LINES) >= 15


@pytest.mark.parametrize("name", LINES)
def test_line(name, small, glue, request, tmp_path, qwen):
    address = small.url.removeprefix("http://")
    text = LINES[name].replace("HOST:7392", address)
    function = RUN[name]
    found, native = function(text, small=small, request=request, tmp_path=tmp_path, qwen=qwen)
    assert found == native
