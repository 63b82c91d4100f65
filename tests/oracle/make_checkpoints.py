"""Writes tiny random checkpoints and what they must score.

    python tests/oracle/make_checkpoints.py OUT [--only NAME]... [--lengths 1,2,17,...]
    python tests/oracle/make_checkpoints.py --golden tests/golden/scores

Each OUT/NAME is a Hugging Face folder plus oracle.json:
    {"name", "preset", "kind", "dtype",
     "cases":    [{"messages", "steps" | "text", "ids", "positions", "raw", "reward"}],
     "id_cases": [{"ids", "positions", "raw", "reward"}]}
`cases` go through the reference's own layout (layouts.py), `id_cases` are random ids of 1 to 4,096
tokens. raw and reward are float64. Needs numpy and tokenizers; transformers renders the chat
templates.

--golden writes the committed ones: the same families in smaller shapes (a few hundred kB in all),
and expected.json, where random ids are named by their seed instead of listed.
tests/golden/test_golden.c reads them without any of this; test_golden.py says when they are no
longer what the oracle computes.
"""

import argparse
import json
import os
import sys

import numpy as np
from tokenizers import Tokenizer

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checkpoints
import layouts
import twin
import weights

LENGTHS = (1, 2, 3, 17, 64, 130, 511, 1024, 4096)
# The smallest shapes that keep grouped heads, an explicit head_dim, a window and several layers;
# all the same
# every dtype and head of checkpoints.SPECS. Embedding and output matrix are most of what is left.
GOLDEN_SHAPES = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}
GOLDEN_LENGTHS = (1, 2, 3, 17, 130, 1024, 4096)
GOLDEN_DTYPE = {
    "AceMath-7B-RM": "F32",
    "math-shepherd-mistral-7b-prm": "F16",
}  # F32 takes 4 bytes a value: one is enough
# Same backbone and head as another one: left out of the committed files.
GOLDEN = [
    n
    for n in checkpoints.SPECS
    if n
    not in (
        "ReasonFlux-PRM-7B",
        "verl-rm",
        "RLHFlow-Llama3.1-8B-ORM-Deepseek-Data",
        "openrlhf-qwen",
        "openrlhf-plain",
        "trl-rm-plain",
        "trl-rm-plain-mistral",
        "WorldPM-72B",
        "MATH-Minos",
    )
]


def random_ids(name, length, vocab):
    u = weights.uniform(f"ids/{name}/{length}", length)
    return ((u + 1.0) / 2 * vocab).astype(np.int64)


def scored(config, tensors, recipe, ids, positions):
    raw, reward = twin.score(config, tensors, recipe, ids, positions)
    return {
        "ids": [int(i) for i in ids],
        "positions": [int(p) for p in positions],
        "raw": [float(x) for x in raw],
        "reward": [float(x) for x in reward],
    }


def build(out, name, lengths, with_layouts=True):
    spec = checkpoints.SPECS[name]
    folder = os.path.join(out, name)
    path = os.path.join(checkpoints.TOKENIZERS, spec["config"]["tokenizer"], "tokenizer.json")
    tokenizer = Tokenizer.from_file(path)
    config, recipe = checkpoints.write(folder, name, tokenizer)
    _, tensors = twin.load_folder(folder)  # as stored: BF16 and F16 are rounded
    layout = layouts.LAYOUTS[spec["preset"]]
    result = {
        "name": name,
        "preset": spec["preset"],
        "kind": layout.kind,
        "dtype": spec["dtype"],
        "recipe": recipe,
        "cases": [],
        "id_cases": [],
    }
    for n in lengths:
        ids = random_ids(name, n, tokenizer.get_vocab_size())
        result["id_cases"].append(
            scored(config, tensors, recipe, ids, positions_of(layout.kind, n))
        )
    if with_layouts:
        for case in layouts.TEXTS:
            ids, positions = layout.build(folder, config, case)
            result["cases"].append(dict(case, **scored(config, tensors, recipe, ids, positions)))
    with open(os.path.join(folder, "oracle.json"), "w", encoding="utf-8") as f:
        json.dump(result, f)
    return result


def golden_spec(name):
    spec = dict(checkpoints.SPECS[name])
    config = dict(spec["config"], **GOLDEN_SHAPES)
    if config.get("head_dim", 1) % 16 == 0:  # a head has a multiple of 8
        config["head_dim"] //= 2
    if config["num_key_value_heads"] == spec["config"]["num_attention_heads"]:
        config["num_key_value_heads"] = config["num_attention_heads"]
    spec["config"] = config
    spec["dtype"] = GOLDEN_DTYPE.get(name, "BF16" if spec["dtype"] == "F32" else spec["dtype"])
    return spec


def positions_of(kind, n):
    return (
        [n - 1] if kind == "outcome" else sorted({0, n // 3, n // 2, n - 2 if n > 1 else 0, n - 1})
    )


def short(values):
    return [float(f"{x:.12g}") for x in values]


def golden_of(folder, name):
    """What the checkpoint in `folder` must score: the content of expected.json."""
    spec = golden_spec(name)
    config, tensors = twin.load_folder(folder)
    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    recipe = checkpoints.recipe_of(spec, config, tokenizer)
    layout = layouts.LAYOUTS[spec["preset"]]
    result = {
        "preset": spec["preset"],
        "kind": layout.kind,
        "dtype": spec["dtype"],
        "tokenizer": spec["config"]["tokenizer"],
        "random": [],
        "texts": [],
    }
    for n in GOLDEN_LENGTHS:
        vocab = tokenizer.get_vocab_size()
        positions = positions_of(layout.kind, n)
        case = scored(config, tensors, recipe, random_ids(name, n, vocab), positions)
        result["random"].append(
            {
                "seed": f"ids/{name}/{n}",
                "tokens": n,
                "vocab": vocab,
                "positions": positions,
                "raw": short(case["raw"]),
                "reward": short(case["reward"]),
            }
        )
    for text in layouts.TEXTS[:2]:
        ids, positions = layout.build(folder, config, text)
        if layout.kind == "process" and len(positions) != len(text["steps"]):
            result["texts"].append(dict(text, error="step_mismatch"))  # a marker merged into text
            continue
        case = scored(config, tensors, recipe, ids, positions)
        case["raw"], case["reward"] = short(case["raw"]), short(case["reward"])
        result["texts"].append(dict(text, **case))
    return result


def golden(out, name):
    folder = os.path.join(out, name)
    path = os.path.join(
        checkpoints.TOKENIZERS, checkpoints.SPECS[name]["config"]["tokenizer"], "tokenizer.json"
    )
    checkpoints.write(folder, name, Tokenizer.from_file(path), spec=golden_spec(name))
    result = golden_of(folder, name)
    os.remove(os.path.join(folder, "tokenizer.json"))  # tests/golden/tokenizers has it already
    lines = [
        json.dumps(k) + ": " + json.dumps(v, ensure_ascii=False)
        for k, v in result.items()
        if not isinstance(v, list)
    ]
    for key in ("random", "texts"):
        rows = ",\n  ".join(json.dumps(c, ensure_ascii=False) for c in result[key])
        lines.append(f'"{key}": [\n  {rows}]')
    with open(os.path.join(folder, "expected.json"), "w", encoding="utf-8") as f:
        f.write("{" + ",\n ".join(lines) + "}\n")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out")
    parser.add_argument("--golden", action="store_true")
    parser.add_argument("--only", action="append")
    parser.add_argument("--lengths", default=",".join(map(str, LENGTHS)))
    args = parser.parse_args()
    for name in args.only or (GOLDEN if args.golden else checkpoints.SPECS):
        if args.golden:
            golden(args.out, name)
            continue
        r = build(args.out, name, [int(n) for n in args.lengths.split(",")])
        print(
            f"{name:40s} {r['preset']:22s} {r['dtype']:4s} cases {len(r['cases'])} "
            f"rewards "
            f"{min(min(c['reward']) for c in r['id_cases']):.3f}.."
            f"{max(max(c['reward']) for c in r['id_cases']):.3f}"
        )


if __name__ == "__main__":
    main()
