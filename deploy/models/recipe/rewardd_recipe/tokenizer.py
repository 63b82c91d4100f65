"""Trains the byte-level BPE (Qwen2's pre-tokenizer, digits apart) and saves a standard
tokenizer.json.

python -m rewardd_recipe.tokenizer --data DIR --out tokenizer.json
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

from .mixture import SEEDS, Mixture

PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIAL = ["<|endoftext|>", "<|question|>", "<|step|>", "<|end|>"]
PAD, QUESTION, STEP, END = range(4)
VOCAB = 3072


def build(texts, vocab: int = VOCAB) -> Tokenizer:
    tok = Tokenizer(models.BPE(byte_fallback=False))
    tok.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(PATTERN), behavior="isolated", invert=False)
    tok.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tok.decoder = decoders.ByteLevel()
    special = [AddedToken(s, special=True, normalized=False) for s in SPECIAL]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tok.train_from_iterator(texts, trainer)
    return tok


def main() -> None:
    args = argparse.ArgumentParser()
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--traces", type=int, default=40000)
    opt = args.parse_args()
    stream = itertools.islice(Mixture(opt.data).stream(SEEDS["train"] - 1), opt.traces)
    build("\n".join([t.question, *(s.text for s in t.steps)]) for t in stream).save(str(opt.out))


if __name__ == "__main__":
    main()
