"""Where a folder keeps its chat template and special tokens: the text that `rewardd explain` reads
is the one that AutoTokenizer of the same folder renders, or the folder is refused as it is there.
"""

import json
import os
import shutil
import subprocess
import sys

import pytest

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")
pytest.importorskip("numpy")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checkpoints  # noqa: E402
import public_models  # noqa: E402

BIN = os.environ.get("REWARDD_BIN", "")
pytestmark = pytest.mark.skipif(not BIN, reason="REWARDD_BIN does not name the daemon")
NAMES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
SHOWN = "".join("{{ " + n + "_token }}|" for n in NAMES)
TURNS = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"


def template(mark):
    return mark + SHOWN + TURNS


QUESTION = [{"role": "user", "content": "2+3?"}]
MODELS = {
    "qwen2": "CIR-AMS/BTRM_Qwen2_7b_0613",
    "qwen3": "LARK-AI/CodeScaler-1.7B",
    "llama": "sfairXC/FsfairX-LLaMA3-RM-v0.1",
    "mistral": "weqweasdas/RM-Mistral-7B",
}
CONFIG, JINJA, MAP = "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json"
MORE = "additional_chat_templates/"
A, B, C = template("A"), template("B"), template("C")
BOTH = {"bos_token": "<b>", "eos_token": {"content": "<e>"}}
# files of the folder; None takes one away
CASES = {
    "config": {CONFIG: {"chat_template": A}},
    "file": {CONFIG: {}, JINJA: A},
    "file beside config": {CONFIG: {"chat_template": A}, JINJA: B},
    "no config": {CONFIG: None, JINJA: A},
    "list": {
        CONFIG: {
            "chat_template": [
                {"name": "rag", "template": B},
                {"name": "default", "template": A},
                {"name": "tool_use", "template": C},
            ]
        }
    },
    "list with two": {
        CONFIG: {
            "chat_template": [
                {"name": "default", "template": A},
                {"name": "default", "template": B},
            ]
        }
    },
    "list without": {CONFIG: {"chat_template": [{"name": "rag", "template": B}]}},
    "object": {CONFIG: {"chat_template": {"default": A, "rag": B}}},
    "more": {CONFIG: {"chat_template": C}, JINJA: A, MORE + "rag.jinja": B},
    "more without default": {CONFIG: {"chat_template": C}, MORE + "rag.jinja": B},
    "more for tools": {CONFIG: {}, JINJA: A, MORE + "tool_use.jinja": B},
    "default among more": {CONFIG: {}, JINJA: A, MORE + "default.jinja": B},
    "map": {CONFIG: {"chat_template": A}, MAP: BOTH},
    "map over config": {CONFIG: {"chat_template": A, "bos_token": "<c>"}, MAP: BOTH},
    "map beside a decoder": {
        CONFIG: {"chat_template": A, "bos_token": "<c>", "added_tokens_decoder": {}},
        MAP: BOTH,
    },
    "null": {CONFIG: {"chat_template": A, "eos_token": None, "pad_token": None}},
    "all": {CONFIG: {"chat_template": A, **{n + "_token": f"<{n}>" for n in NAMES}}},
    **{
        name: {CONFIG: {"chat_template": A, "tokenizer_class": name}}
        for name in (
            "PreTrainedTokenizerFast",
            "Qwen2Tokenizer",
            "Qwen2TokenizerFast",
            "LlamaTokenizer",
            "LlamaTokenizerFast",
        )
    },
}


def write(folder, files):
    for name, value in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if value is None:
            if os.path.exists(path):
                os.unlink(path)
            continue
        with open(path, "w", encoding="utf-8") as f:
            f.write(value if isinstance(value, str) else json.dumps(value))


@pytest.fixture(scope="module", params=list(MODELS))
def folder(request, tmp_path_factory):
    name = MODELS[request.param]
    spec = public_models.MODELS[name]
    path = os.path.join(checkpoints.TOKENIZERS, spec["config"]["tokenizer"], "tokenizer.json")
    out = str(tmp_path_factory.mktemp("chat") / "model")
    checkpoints.write(out, name, tokenizers.Tokenizer.from_file(path), spec=spec)
    for old in (JINJA, MAP, CONFIG):
        if os.path.exists(os.path.join(out, old)):
            os.unlink(os.path.join(out, old))
    return out


def reference(folder):
    """The text, or None where AutoTokenizer cannot say."""
    messages = [*QUESTION, {"role": "assistant", "content": "5"}]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    if isinstance(tokenizer.chat_template, dict) and "default" not in tokenizer.chat_template:
        return None
    return tokenizer.apply_chat_template(messages, tokenize=False)


@pytest.mark.parametrize("case", list(CASES))
def test_the_text_is_that_of_autotokenizer(folder, case, tmp_path):
    copy = str(tmp_path / "model")
    shutil.copytree(folder, copy)
    write(copy, CASES[case])
    done = subprocess.run(
        [BIN, "explain", "--model", copy + ",preset=seqcls", "--json", "--trace", "5"]
        + ["--messages", json.dumps(QUESTION)],
        capture_output=True,
        text=True,
    )
    wanted = reference(copy)
    if wanted is None:
        assert done.returncode != 0 and "default" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rendered"] == wanted


BOS = "{{ bos_token }}"
VERL = {
    "llama": ("Llama", "<|begin_of_text|>"),  # this tokenizer puts BOS before a text
    "qwen2": ("Qwen2", None),  # and this one nothing
}


@pytest.mark.parametrize("model_type", list(VERL))
@pytest.mark.parametrize("written", [True, False], ids=["BOS written", "not written"])
def test_verl_is_scored_where_its_versions_agree(tmp_path, model_type, written):
    """0.6 tokenises the rendered text as it is; 0.7 and later take BOS off and have the tokenizer
    add what it adds (compute_score_disrm, behind vLLM)."""
    name, bos = VERL[model_type]
    spec = dict(
        public_models.MODELS["a verl reward model"],
        architecture=name + "ForTokenClassification",
        config=checkpoints.base(model_type, "llama3" if model_type == "llama" else "qwen"),
        extra={"score.weight": (1, "H"), "score.bias": (1,)},
        template=(BOS if written else "") + TURNS,
    )
    path = os.path.join(checkpoints.TOKENIZERS, spec["config"]["tokenizer"], "tokenizer.json")
    folder = str(tmp_path / "model")
    checkpoints.write(folder, "verl", tokenizers.Tokenizer.from_file(path), spec=spec)
    config = {"chat_template": spec["template"], "bos_token": bos or "<|im_start|>"}
    write(folder, {CONFIG: config, JINJA: None})
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    messages = [*QUESTION, {"role": "assistant", "content": "5"}]
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    old = tokenizer(text, add_special_tokens=False)["input_ids"]
    new = tokenizer(text.removeprefix(tokenizer.bos_token))["input_ids"]
    done = subprocess.run(
        [BIN, "explain", "--model", folder + ",preset=verl-rm", "--json", "--trace", "5"]
        + ["--messages", json.dumps(QUESTION)],
        capture_output=True,
        text=True,
    )
    assert (old == new) == (written == (bos is not None))
    if old == new:
        assert json.loads(done.stdout)["ids"] == old, done.stderr
    else:
        assert done.returncode != 0 and "versions of verl" in done.stderr
