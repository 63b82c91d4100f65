"""Writes the tiny tokenizers the tests use: real tokenizer.json files with a few hundred tokens.

    python tests/oracle/tiny_tokenizers.py tests/golden/tokenizers

The files are committed; this script says where they come from. The byte-level ones copy the
structure of Qwen2.5's and Llama 3.1's files (normalizer, split pattern, ignore_merges,
post-processor), the others that of a converted SentencePiece model (Prepend, Replace, byte
fallback). The corpus is generated here: arithmetic solutions, the separators the layouts need, and
some accents, Cyrillic and CJK.
"""

import json
import os
import random
import sys

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

QWEN_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA_SPLIT = QWEN_SPLIT.replace(r"|\p{N}|", r"|\p{N}{1,3}|")

QWEN_SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<extra_0>"]
QWEN_ADDED = ["<think>", "</think>"]  # added, not special: recognised in any text
LLAMA_SPECIAL = [
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|finetune_right_pad_id|>",
]
INTERNLM_SPECIAL = ["<|im_start|>", "<|im_end|>", "<|reward|>"]


def corpus(seed=7, n=3000):
    rng = random.Random(seed)
    names = ["Tom", "Ana", "Mia", "Omar", "Zoë", "Анна", "李雷"]
    things = ["pens", "boxes", "apples", "books", "marbles", "caf\u00e9s", "naïve users"]
    for i in range(n):
        a, b = rng.randint(2, 99), rng.randint(2, 99)
        name, thing = rng.choice(names), rng.choice(things)
        yield f"{name} has {a} {thing} and buys {b} more. How many {thing} does {name} have?\n"
        yield f"Step {i % 9 + 1}: We add {a} + {b} = {a + b}. ки\n"
        yield f"So the answer is \\boxed{{{a + b}}}.\n\n"
        yield f"He gives away {b} {thing}: {a} - {b} = {a - b}. \n\n\n\n"
        yield (
            f"If x = {a}, then {b}x = {a * b} \n\nTherefore the total cost is ${a * b}.00, + "
            f"or -.\n"
        )
        yield "+ - + -\n"
        yield "system\nuser\nassistant\nYou are a helpful assistant. Please reason step by step.\n"
        yield "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"


def byte_level(pattern, nfc, merges, specials, added, ignore_merges, bos):
    tok = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if nfc:
        tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=256 + merges,
        show_progress=False,
        special_tokens=[],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tok.train_from_iterator(corpus(), trainer)
    tok.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in specials])
    tok.add_tokens([AddedToken(s, normalized=False, special=False) for s in added])
    if bos:
        tok.post_processor = processors.Sequence(
            [
                processors.ByteLevel(trim_offsets=False),
                processors.TemplateProcessing(
                    single=f"{bos} $A",
                    pair=f"{bos} $A {bos} $B",
                    special_tokens=[(bos, tok.token_to_id(bos))],
                ),
            ]
        )
    else:
        tok.post_processor = processors.ByteLevel(trim_offsets=False)
    return tok


def sentencepiece(merges, specials):
    """A BPE with byte fallback as converters write it: <unk> <s> </s>, 256 byte tokens, pieces."""
    tok = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tok.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    head = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=len(head) + merges, show_progress=False, special_tokens=head, limit_alphabet=90
    )
    # Words are merged one by one, as SentencePiece trains: the metaspace starts a word.
    tok.pre_tokenizer = pre_tokenizers.Split(Regex("▁?[^▁\\n]+|▁+|\\n+"), behavior="isolated")
    tok.train_from_iterator((line.rstrip("\n") for line in corpus()), trainer)
    data = json.loads(tok.to_str())
    data["pre_tokenizer"] = None
    data["added_tokens"] = [
        {
            "id": i,
            "content": s,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for i, s in enumerate(["<unk>", "<s>", "</s>"])
    ]
    data["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "<s>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
        ],
        "pair": [
            {"SpecialToken": {"id": "<s>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "<s>", "type_id": 1}},
            {"Sequence": {"id": "B", "type_id": 1}},
        ],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
    }
    data["decoder"] = {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ],
    }
    tok = Tokenizer.from_str(json.dumps(data))
    tok.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in specials])
    return tok


def build():
    return {
        "qwen": byte_level(QWEN_SPLIT, True, 230, QWEN_SPECIAL, QWEN_ADDED, False, None),
        "llama3": byte_level(LLAMA_SPLIT, False, 230, LLAMA_SPECIAL, [], True, "<|begin_of_text|>"),
        "mistral": sentencepiece(300, []),
        "internlm2": sentencepiece(300, INTERNLM_SPECIAL),
    }


def main(out):
    for name, tok in build().items():
        os.makedirs(os.path.join(out, name), exist_ok=True)
        tok.save(os.path.join(out, name, "tokenizer.json"), pretty=False)
        print(name, tok.get_vocab_size())


if __name__ == "__main__":
    main(sys.argv[1])
