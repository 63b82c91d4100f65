"""Scores of the C engine against the float64 oracle, for every backbone and head.

    RW_SCORE=build/tests/rw-score pytest tests/oracle/test_scores.py
    RW_SCORE_LONG=0 leaves out traces of over 1,100 tokens.

Float32 path: within 1e-4 on every raw value and probability. BF16 path (weights and activations
rounded to 8 bits of mantissa): TOLERANCE_BF16 on probabilities of the tiny models, whose two or
three random layers amplify more than a trained model does.
"""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("numpy")
pytest.importorskip("tokenizers")
pytest.importorskip("transformers")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checkpoints
import make_checkpoints

BUILD = os.environ.get("REWARDD_BUILD", "")
DRIVER = os.environ.get("RW_SCORE", os.path.join(BUILD, "tests", "rw-score") if BUILD else "")
LONG = os.environ.get("RW_SCORE_LONG", "1") != "0"
LENGTHS = [n for n in make_checkpoints.LENGTHS if LONG or n < 1100]
TOLERANCE_F32 = 1e-4
TOLERANCE_BF16 = 0.02
TOLERANCES_QUANTISED = {
    "int8": 0.08,
    "q4": 0.3,
}  # largest measured over all families: 0.046 and 0.227
pytestmark = pytest.mark.skipif(not DRIVER, reason="RW_SCORE does not name the rw-score program")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Checkpoints are built once; REWARDD_CHECKPOINTS keeps them between runs."""
    out = os.environ.get("REWARDD_CHECKPOINTS") or str(tmp_path_factory.mktemp("checkpoints"))
    cache = {}

    def get(name):
        if name not in cache:
            path = os.path.join(out, name, "oracle.json")
            if os.path.exists(path):
                with open(path, encoding="utf-8") as f:
                    cache[name] = json.load(f)
            else:
                cache[name] = make_checkpoints.build(out, name, LENGTHS)
        return os.path.join(out, name), cache[name]

    return get


def score(folder, cases, *options):
    lines = "".join(json.dumps(c, ensure_ascii=False) + "\n" for c in cases)
    done = subprocess.run(
        [DRIVER, folder, *options], input=lines.encode(), capture_output=True, timeout=500
    )
    out = [json.loads(x) for x in done.stdout.decode().splitlines()]
    assert len(out) == len(cases), done.stderr.decode()
    return out


def worst(cases, got):
    raw = reward = 0.0
    for case, g in zip(cases, got):
        assert "error" not in g, g
        assert len(g["raw"]) == len(case["raw"])
        raw = max([raw] + [abs(a - b) for a, b in zip(g["raw"], case["raw"])])
        reward = max([reward] + [abs(a - b) for a, b in zip(g["reward"], case["reward"])])
    return raw, reward


@pytest.mark.parametrize("name", list(checkpoints.SPECS))
def test_float32_path(made, name):
    folder, oracle = made(name)
    ids = [
        {"ids": c["ids"], "positions": c["positions"]}
        for c in oracle["id_cases"]
        if len(c["ids"]) <= LENGTHS[-1]
    ]
    options = ["--dtype", "f32"]
    cases = oracle["id_cases"][: len(ids)]
    raw, reward = worst(cases, score(folder, ids, *options))
    assert raw < TOLERANCE_F32 and reward < TOLERANCE_F32, (raw, reward)
    # The same through the layout: text in, scores out. A marker merged into text is an error on
    # both sides.
    texts = [{"messages": c["messages"], "steps": c["steps"]} for c in oracle["cases"]]
    checked = 0
    for case, got in zip(oracle["cases"], score(folder, texts, *options)):
        if oracle["kind"] == "process" and len(case["positions"]) != len(case["steps"]):
            assert got.get("error") == "step_mismatch"
            continue
        raw, reward = worst([case], [got])
        assert raw < TOLERANCE_F32 and reward < TOLERANCE_F32, (raw, reward)
        checked += 1
    assert checked >= 2


@pytest.mark.parametrize(
    "name",
    [
        "Qwen2.5-Math-PRM-7B",
        "RLHFlow-Llama3.1-8B-PRM-Mistral-Data",
        "trl-Qwen3-PRM",
        "math-shepherd-mistral-7b-prm",
        "internlm2-1_8b-reward",
    ],
)
@pytest.mark.parametrize("dtype", ["f32", "bf16", "int8", "q4"])
def test_the_schedule_changes_no_bit(made, name, dtype):
    folder, oracle = made(name)
    cases = [
        {"ids": c["ids"], "positions": c["positions"]}
        for c in oracle["id_cases"]
        if len(c["ids"]) <= 1024
    ]
    plain = score(folder, cases, "--dtype", dtype)
    for options in (
        ["--threads", "2"],
        ["--chunk", "64"],
        ["--chunk", "33", "--threads", "2"],
        ["--batch", "64", "--threads", "3"],
        ["--batch", "3", "--chunk", "7"],
    ):
        assert score(folder, cases, "--dtype", dtype, *options) == plain, options


@pytest.mark.parametrize("name", [n for n, s in checkpoints.SPECS.items() if s["dtype"] == "BF16"])
def test_bfloat16_path(made, name):
    folder, oracle = made(name)
    cases = [c for c in oracle["id_cases"] if len(c["ids"]) <= 1024]
    got = score(
        folder, [{"ids": c["ids"], "positions": c["positions"]} for c in cases], "--dtype", "bf16"
    )
    raw, reward = worst(cases, got)
    print(name, "bf16 largest difference: raw", raw, "reward", reward)
    assert reward < TOLERANCE_BF16


@pytest.mark.parametrize("dtype", list(TOLERANCES_QUANTISED))
@pytest.mark.parametrize("name", list(checkpoints.SPECS))
def test_quantised_path(made, name, dtype):
    folder, oracle = made(name)
    cases = [c for c in oracle["id_cases"] if len(c["ids"]) <= 1024]
    got = score(
        folder, [{"ids": c["ids"], "positions": c["positions"]} for c in cases], "--dtype", dtype
    )
    raw, reward = worst(cases, got)
    print(name, dtype, "largest difference: raw", raw, "reward", reward)
    assert reward < TOLERANCES_QUANTISED[dtype]
