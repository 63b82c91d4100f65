"""Ids and score positions of the C code against the authors' recipes (layouts.py), over every tiny checkpoint,
and against third-party vectors over the real vocabularies where they are at hand.

    RW_INPUT=build/tests/rw-input pytest tests/oracle/test_inputs.py
"""
import json
import os
import random
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("numpy")
pytest.importorskip("tokenizers")
pytest.importorskip("transformers")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checkpoints  # noqa: E402
import layouts  # noqa: E402
import make_checkpoints  # noqa: E402

BUILD = os.environ.get("REWARDD_BUILD", "")
DRIVER = os.environ.get("RW_INPUT", os.path.join(BUILD, "tests", "rw-input") if BUILD else "")
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DATA = os.environ.get("REWARDD_DATA", os.path.join(ROOT, "..", "shared", "data"))
CACHE = os.environ.get("REWARDD_CACHE", os.path.expanduser("~/.cache/rewardd"))
NPM = os.environ.get("REWARDD_NPM", os.path.join(CACHE, "npm", "node_modules"))
pytestmark = pytest.mark.skipif(not DRIVER, reason="RW_INPUT does not name the rw-input program")


def run(folder, cases, preset=None):
    lines = "\n".join(json.dumps(c, ensure_ascii=False) for c in cases) + "\n"
    done = subprocess.run([DRIVER, folder] + ([preset] if preset else []), input=lines.encode(),
                          capture_output=True, timeout=120)
    out = [json.loads(x) for x in done.stdout.decode().splitlines()]
    assert len(out) == len(cases), done.stderr.decode()
    return out


def hostile_texts(seed, n):
    """Steps and prompts of words, digits, separators, scripts and spaces."""
    rng = random.Random(seed)
    parts = ["Tom", " has ", "12", " pens", ".", ",", " ", "  ", "\n", "\n\n", "\t", "+", "-", " - ", "=", "\\boxed{", "}",
             "кот", " ки", "漢字", "e\u0301", "é", "\u00a0", "\u2003", "🙂", "Step 2:", "'s", "I'LL", "0", "x_1", "\u0000"[:0]]
    for _ in range(n):
        yield "".join(rng.choice(parts) for _ in range(rng.randint(1, 14)))


def random_cases(seed, n):
    texts = [t for t in hostile_texts(seed, 8 * n) if t.strip()]
    rng = random.Random(seed)
    for _ in range(n):
        yield {"messages": [{"role": "user", "content": rng.choice(texts)}],
               "steps": [rng.choice(texts) for _ in range(rng.randint(1, 5))]}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    out = str(tmp_path_factory.mktemp("checkpoints"))
    for name in checkpoints.SPECS:
        make_checkpoints.build(out, name, [1], with_layouts=False)
    return out


@pytest.mark.parametrize("name", list(checkpoints.SPECS))
def test_layout(folders, name):
    folder, spec = os.path.join(folders, name), checkpoints.SPECS[name]
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    preset = spec["preset"]
    cases = layouts.TEXTS + list(random_cases(1, 150))
    if spec.get("template") and preset not in ("qwen2.5-math-rm", "acemath-rm", "qwen2.5-math-prm"):
        cases += [{"messages": [{"role": "system", "content": " Be brief. "}, {"role": "user", "content": "Hi"},
                                {"role": "assistant", "content": "</think>\nHello "}, c["messages"][0]],
                   "steps": c["steps"]} for c in cases[:20]]
    layout = layouts.LAYOUTS[preset]
    exact = 0
    # trl-prm-nlnl cannot be told from trl-prm by the folder: name it.
    given = preset if preset == "trl-prm-nlnl" else None
    for case, got in zip(cases, run(folder, cases, given)):
        ids, positions = layout.build(folder, config, case)
        rest = [s.removesuffix(" ки") for s in case["steps"]]
        blank = any(not s.strip() for s in rest) if preset.startswith("rlhflow-prm") else \
            preset == "math-shepherd" and not all(rest)
        if blank:
            assert got.get("error") == "empty_trace"
        elif layout.kind == "process" and len(positions) != len(case["steps"]):
            assert got.get("error") == "step_mismatch", (case, got)
        elif "error" in got:  # positions the reference would read beside the marker
            marker = {"versaprm-llama", "versaprm-qwen", "math-shepherd"}
            assert preset in marker and got["error"] == "step_mismatch", (case, got)
        else:
            assert got["ids"] == ids, case
            assert got["positions"] == positions, case
            exact += 1
    assert exact > 60  # the others hold a marker, or nothing


def real(tmp_path, tokenizer, architecture, preset, bos, name="real"):
    """A package around a real vocabulary: only the tokenizer matters, the weights are tiny."""
    package = {"qwen": "tokenizer-qwen2_5", "llama3": "tokenizer-llama3_1"}[tokenizer]
    path = os.path.join(NPM, "@lenml", package, "models", "tokenizer.json")
    if not os.path.exists(path):
        pytest.skip(f"{package} is not at hand (REWARDD_NPM)")
    source = next(n for n, s in checkpoints.SPECS.items() if s["preset"] == preset)
    folder = str(tmp_path / name)
    vectors = os.path.join(DATA, "tokenizers", "prm_input_vectors.json")
    if not os.path.exists(vectors):
        pytest.skip("prm_input_vectors.json is not at hand (REWARDD_DATA)")
    make_checkpoints.build(str(tmp_path), source, [1], with_layouts=False)
    shutil.move(str(tmp_path / source), folder)
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if preset == "qwen2.5-math-prm":
        text = text.replace("<|quad_end|>", "<extra_0>")  # as that model's tokenizer renames it
    with open(os.path.join(folder, "tokenizer.json"), "w", encoding="utf-8") as f:
        f.write(text)
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    # The vocabulary of the config is what ids are checked against; weights are not read here.
    config["vocab_size"] = 152064 if tokenizer == "qwen" else 128256
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f)
    with open(vectors, encoding="utf-8") as f:
        return folder, json.load(f)


@pytest.mark.parametrize("key,tokenizer,preset", [
    ("qwen25_math_prm", "qwen", "qwen2.5-math-prm"), ("skywork_o1_prm", "qwen", "skywork-o1-prm"),
    ("rlhflow_llama31_short", "llama3", "rlhflow-prm-mistral"),
    ("rlhflow_llama31_date", "llama3", "rlhflow-prm-deepseek"), ("versaprm", "llama3", "versaprm-llama"),
    ("trl_prm_qwen_nl", "qwen", "pure-prm"), ("trl_prm_qwen_nlnl", "qwen", "trl-prm-nlnl")])
def test_third_party_vector(tmp_path, key, tokenizer, preset):
    if preset == "trl-prm-nlnl":  # the tiny one is a Mistral; this vector is of a Qwen vocabulary
        folder, vectors = real(tmp_path, tokenizer, None, "pure-prm", None)
    else:
        folder, vectors = real(tmp_path, tokenizer, None, preset, None)
    got = run(folder, [layouts.TEXTS[0]], preset)[0]
    if got.get("error") and preset.startswith(("rlhflow", "versaprm")):
        pytest.fail(str(got))
    assert got["ids"] == vectors[key]["ids"]
    assert got["positions"] == vectors[key]["score_positions"]
