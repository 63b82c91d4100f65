"""Outcome rewards against the code of the trainers themselves, in float64.

OpenRLHF: its RewardDataset makes the input, its RewardModel scores it, and its serve_rm scores what
a trainer posts to /get_reward. The code is read out of the wheel (`pip download openrlhf --no-deps`
into $REWARDD_CACHE/wheels), which is not installed. TRL: the inputs of RewardTrainer.
"""

import ast
import json
import os
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
import checkpoints  # noqa: E402
from daemon import Daemon  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

BUILD = os.environ.get("REWARDD_BUILD", "")
DRIVER = os.environ.get("RW_SCORE", os.path.join(BUILD, "tests", "rw-score") if BUILD else "")
CACHE = Path(os.environ.get("REWARDD_CACHE", Path.home() / ".cache/rewardd"))
pytestmark = pytest.mark.skipif(not DRIVER, reason="RW_SCORE does not name the rw-score program")
QUESTION = "How many pens are 3 boxes of 12?"
ANSWERS = [
    "3 * 12 = 36.\n\nSo 36.",
    "36",
    "  It is 35.  ",
    "None.\n",
    "漢字 36 \n\n\n",
    "36<|eot_id|>",
]


def wheel_source(name):
    wheels = sorted((CACHE / "wheels").glob("openrlhf-*.whl"))
    if not wheels:
        pytest.skip("the wheel of openrlhf is not in the cache")
    with zipfile.ZipFile(wheels[-1]) as wheel:
        path = next(n for n in wheel.namelist() if n.endswith("openrlhf/" + name))
        return wheel.read(path).decode()


def functions(source, names, scope):
    """The named functions and classes of a source file, without its imports."""
    tree = ast.parse(source)
    body = [n for n in tree.body if getattr(n, "name", None) in names]
    exec(compile(ast.Module(body, []), "openrlhf", "exec"), scope)
    return [scope[n] for n in names]


def dataset_code():
    scope = {
        "Dataset": object,
        "Callable": object,
        "exist_and_not_none": lambda d, k: d.get(k) is not None,
        "zero_pad_sequences": None,
    }
    source = wheel_source("datasets/reward_dataset.py")
    return functions(source, ["preprocess_data", "RewardDataset"], scope)


def trained_ids(tokenizer, answer, templated):
    preprocess, dataset_class = dataset_code()
    chat = [{"role": "user", "content": QUESTION}]
    if templated:
        data = {"p": chat, "c": [{"role": "assistant", "content": answer}]}
        data["r"] = data["c"]
        parts = preprocess(data, None, "p", "c", "r", tokenizer.apply_chat_template)
    else:
        parts = preprocess({"p": QUESTION, "c": answer, "r": answer}, None, "p", "c", "r", None)
    made = dataset_class.__new__(dataset_class)
    made.tokenizer, made.max_length = tokenizer, 2048
    made.prompts, made.chosens, made.rejects, made.extras = ([x] for x in parts)
    return made[0][0][0].tolist()


def reward_model(folder):
    scope = {
        "nn": torch.nn,
        "torch": torch,
        "AutoConfig": object,
        "Optional": __import__("typing").Optional,
    }
    (make,) = functions(wheel_source("models/model.py"), ["_get_reward_model"], scope)
    config = transformers.AutoConfig.from_pretrained(folder)
    config.normalize_reward = False
    base = transformers.AutoModel._model_mapping[type(config)]
    return (
        make(base.__base__, base)
        .from_pretrained(folder, config=config, dtype=torch.float64, attn_implementation="eager")
        .eval()
    )


def score(model, ids):
    with torch.no_grad():
        ids = torch.tensor([ids])
        return float(model(ids, torch.ones_like(ids))[0])


def served(model, tokenizer, query):
    """RewardModelProxy.tokenize_fn and get_reward of serve_rm."""
    source = wheel_source("cli/serve_rm.py")
    scope = {"logger": types.SimpleNamespace(info=lambda *a: None), "torch": torch}
    (proxy_class,) = functions(source, ["RewardModelProxy"], scope)
    proxy = proxy_class.__new__(proxy_class)
    tokenizer.padding_side = "left"
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    proxy.tokenizer, proxy.max_length, proxy.batch_size = tokenizer, 2048, None
    proxy.reward_model = model
    return proxy.get_reward([query])[0]


def ours(folder, answers):
    messages = [{"role": "user", "content": QUESTION}]
    lines = "".join(json.dumps({"messages": messages, "text": a}) + "\n" for a in answers)
    done = subprocess.run(
        [DRIVER, folder, "--dtype", "f32"], input=lines.encode(), capture_output=True, timeout=60
    )
    return [json.loads(x)["raw"][0] for x in done.stdout.decode().splitlines()]


def make(name, folder):
    kind = checkpoints.SPECS[name]["config"]["tokenizer"]
    path = os.path.join(checkpoints.TOKENIZERS, kind, "tokenizer.json")
    checkpoints.write(str(folder), name, Tokenizer.from_file(path))
    return str(folder)


@pytest.mark.parametrize("name", ["openrlhf-qwen", "openrlhf-plain"])
def test_openrlhf(tmp_path, name):
    folder = make(name, tmp_path / "model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = reward_model(folder)
    templated = name != "openrlhf-plain"
    answers = [a for a in ANSWERS if "<|" not in a or not templated]
    want = [score(model, trained_ids(tokenizer, a, templated)) for a in answers]
    assert np.abs(np.array(ours(folder, answers)) - want).max() < 1e-4

    eos = tokenizer.eos_token
    prompt = QUESTION
    if templated:
        chat = [{"role": "user", "content": QUESTION}]
        prompt = tokenizer.apply_chat_template(chat, tokenize=False) + "<|im_start|>assistant\n"
    queries = [prompt + a.strip() + eos for a in ANSWERS[:5]]
    want = [served(model, tokenizer, q) for q in queries]
    with Daemon([f"{folder},dtype=f32"]) as d:
        d.wait_ready()
        got = d.post("/get_reward", {"query": queries, "prompts": [prompt] * len(queries)})
    assert np.abs(np.array(got["rewards"]) - want).max() < 1e-4


def test_trl_reward_trainer_without_a_template(tmp_path):
    trainer = pytest.importorskip("trl.trainer.reward_trainer")
    datasets = pytest.importorskip("datasets")
    folder = make("trl-rm-plain", tmp_path / "model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    rows = [{"prompt": QUESTION, "chosen": a, "rejected": a} for a in ANSWERS]
    made = trainer.RewardTrainer._prepare_dataset(
        types.SimpleNamespace(),
        datasets.Dataset.from_list(rows),
        tokenizer,
        types.SimpleNamespace(dataset_num_proc=None, max_length=None),
        "train",
    )
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float64, attn_implementation="eager"
    ).eval()
    with torch.no_grad():
        want = [float(model(torch.tensor([ids])).logits[0, 0]) for ids in made["chosen_ids"]]
    assert np.abs(np.array(ours(folder, ANSWERS)) - want).max() < 1e-4
