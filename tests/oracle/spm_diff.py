#!/usr/bin/env python3
"""Differential test of tokenizer.model against the sentencepiece library itself.

    spm_diff.py --driver BUILD/tests/tok-encode [--count 5000] [--seed 1]

Trains small BPE models on generated text (with and without byte fallback, extra-space removal,
dummy prefix, user-defined symbols, odd character coverage), writes each as tokenizer.model, and
compares ids. Zero differences is the requirement.
"""

import argparse
import io
import pathlib
import random
import sys
import tempfile

import sentencepiece
import tiny_tokenizers
import tokenizer_diff

VARIANTS = {
    "internlm2-like": dict(byte_fallback=True, remove_extra_whitespaces=False),
    "squeezed": dict(byte_fallback=True, remove_extra_whitespaces=True),
    "no fallback": dict(byte_fallback=False, remove_extra_whitespaces=False),
    "no prefix": dict(byte_fallback=True, remove_extra_whitespaces=False, add_dummy_prefix=False),
    "user symbols": dict(
        byte_fallback=True,
        remove_extra_whitespaces=False,
        user_defined_symbols=["<sep>", "ки", "\n\n"],
    ),
    "low coverage": dict(
        byte_fallback=False, remove_extra_whitespaces=False, character_coverage=0.98
    ),
}


def train(options):
    model = io.BytesIO()
    sentences = [line.rstrip("\n") for line in tiny_tokenizers.corpus(n=1500)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences),
        model_writer=model,
        model_type="bpe",
        vocab_size=900,
        normalization_rule_name="identity",
        hard_vocab_limit=False,
        minloglevel=2,
        **({"character_coverage": 1.0} | options),
    )
    return model.getvalue()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--driver", required=True)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=10)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    corpus = list(tiny_tokenizers.corpus(n=200))
    naughty = tokenizer_diff.naughty_strings()
    steps = tokenizer_diff.real_steps(rng, 30)
    maker = tokenizer_diff.Maker(rng, corpus + steps, ["<sep>", "ки", "\n\n", "<s>", "</s>"])
    texts = [*naughty, *steps, *corpus, *(maker.make() for _ in range(options.count))]
    # A C string ends the text of sentencepiece's caller nowhere, but its trainer reserves U+0000.
    texts = [t for t in texts if "\0" not in t]
    total = 0
    for name, variant in VARIANTS.items():
        model = train(variant)
        reference = sentencepiece.SentencePieceProcessor(model_proto=model)
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "tokenizer.model").write_bytes(model)
            raw = [t.encode("utf-8") for t in texts]
            got = tokenizer_diff.ours(options.driver, folder, raw, "untrusted")
        wrong = [
            (t, reference.encode(t), ids)
            for t, (ids, ends) in zip(texts, got)
            if ids != reference.encode(t)
        ]
        for text, want, ids in wrong[: options.show]:
            print(
                f"  differs: {ascii(text)[:200]}\n    reference {want[:40]}\n    ours      "
                f"{ids[:40]}"
            )
        print(
            f"{name}: {len(texts)} strings, {reference.vocab_size()} pieces, "
            f"{len(wrong)} differences"
        )
        total += len(wrong)
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
