"""Token ids on real vocabularies: third-party vectors, the layouts of public reward models, and a
differential run against Hugging Face tokenizers. What is not at hand is skipped with a message.

REWARDD_TOKENIZER_COUNT: random strings per vocabulary (default 10000)."""

import json
import os
import pathlib
import random

import pytest

tokenizers = pytest.importorskip("tokenizers")

import tokenizer_diff  # noqa: E402
import vocab_sources  # noqa: E402

COUNT = int(os.environ.get("REWARDD_TOKENIZER_COUNT", "10000"))
DATA = vocab_sources.vectors_folder()
SEPARATOR = "\n__ggml_vocab_test__\n"


@pytest.fixture(scope="session")
def driver():
    build = os.environ.get("REWARDD_BUILD")
    path = pathlib.Path(build or "build") / "tests" / "tok-encode"
    if not path.exists():
        pytest.skip("REWARDD_BUILD holds no tests/tok-encode")
    return str(path)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    scratch = tmp_path_factory.mktemp("vocab")
    known = {}

    def get(name):
        if name not in known:
            known[name] = vocab_sources.folder_of(name, scratch)
        if known[name] is None:
            pytest.skip(f"no vocabulary of {name}: neither REWARDD_TOKENIZERS nor npm has it")
        return str(known[name])

    return get


def encode(driver, folder, texts):
    raw = [t.encode("utf-8") for t in texts]
    return [ids for ids, _ in tokenizer_diff.ours(driver, folder, raw, "trusted")]


def _read(path):  # as bytes: line ends are part of the text
    return path.read_bytes().decode("utf-8")


@pytest.mark.parametrize(
    "vectors, name",
    [
        ("qwen2", "qwen2_5"),
        ("llama-bpe", "llama3_1"),
        ("llama-spm", "llama_spm"),
        ("gpt-2", "gpt2"),
    ],
)
def test_third_party_vectors(driver, folder, vectors, name):
    texts = _read(DATA / f"{vectors}.inp").split(SEPARATOR)
    lines = _read(DATA / f"{vectors}.out").split("\n")
    want = [[int(x) for x in line.split()] for line in lines[: len(texts)]]
    assert len(want) == len(texts) > 40
    wrong = [
        (t, w, g) for t, w, g in zip(texts, want, encode(driver, folder(name), texts)) if w != g
    ]
    assert wrong == []


def _layouts():
    return json.loads((DATA / "prm_input_vectors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "layout, name, bos",
    [
        ("qwen25_math_prm", "qwen2_5", []),
        ("rlhflow_llama31_short", "llama3_1", []),
        ("rlhflow_llama31_date", "llama3_1", []),
        ("versaprm", "llama3_1", [128000]),
        ("math_shepherd", "mistral", [1]),
    ],
)
def test_layout_texts(driver, folder, layout, name, bos):
    vector = _layouts()[layout]
    text = vector["text"]
    if layout == "qwen25_math_prm":
        text = text.replace("<extra_0>", "<|quad_end|>")  # its name in the plain vocabulary
    assert bos + encode(driver, folder(name), [text])[0] == vector["ids"]


def test_joined_text_is_another_input(driver, folder):
    """Why steps are encoded one by one: ".\\n\\n" of joined text is one token, and no separator is
    left to read."""
    steps = [
        s.strip()
        for s in _layouts()["qwen25_math_prm"]["text"]
        .split("assistant\n")[1]
        .split("<extra_0>")[:3]
    ]
    want = _layouts()["hazard"]["joined_text_qwen"]
    assert encode(driver, folder("qwen2_5"), ["".join(s + "\n\n" for s in steps)])[0] == want
    assert 271 not in want


@pytest.mark.parametrize("name", ["qwen2_5", "llama3_1", "gpt2", "llama_spm", "mistral"])
@pytest.mark.parametrize("mode", ["trusted", "untrusted"])
def test_differential(driver, folder, name, mode):
    reference = tokenizers.Tokenizer.from_file(os.path.join(folder(name), "tokenizer.json"))
    rng = random.Random(7)
    naughty = tokenizer_diff.naughty_strings()
    steps = tokenizer_diff.real_steps(rng, 60)
    added = [t.content for t in reference.get_added_tokens_decoder().values()]
    maker = tokenizer_diff.Maker(rng, steps + naughty + ["The quick brown fox."], added)
    texts = ["", *naughty, *steps, *(maker.make() for _ in range(COUNT))]
    assert tokenizer_diff.compare(reference, driver, folder(name), texts, mode, 5) == 0


def test_a_wrong_vocabulary_is_noticed(driver, folder, tmp_path):
    """The comparison can fail: without the first merges it does."""
    tokenizer = json.loads((pathlib.Path(folder("llama_spm")) / "tokenizer.json").read_text())
    reference = tokenizers.Tokenizer.from_str(json.dumps(tokenizer))
    del tokenizer["model"]["merges"][:50]
    vocab_sources.write_json(tmp_path, tokenizer)
    texts = [
        chr(a) + chr(b) + chr(c)
        for a in range(97, 123)
        for b in range(97, 123)
        for c in range(97, 123)
    ]
    assert tokenizer_diff.compare(reference, driver, str(tmp_path), texts, "trusted", 0) > 0
