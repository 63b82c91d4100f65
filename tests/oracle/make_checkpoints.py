"""Writes tiny random checkpoints and what they must score.

    python tests/oracle/make_checkpoints.py OUT [--only NAME]... [--lengths 1,2,17,...]

Each OUT/NAME is a Hugging Face folder plus oracle.json:
    {"name", "preset", "kind", "dtype",
     "cases":    [{"messages", "steps" | "text", "ids", "positions", "raw", "reward"}],
     "id_cases": [{"ids", "positions", "raw", "reward"}]}
`cases` go through the reference's own layout (layouts.py), `id_cases` are random ids of 1 to 4,096 tokens.
raw and reward are float64. Needs numpy and tokenizers; transformers renders the chat templates.
"""
import argparse
import json
import os
import sys

import numpy as np
from tokenizers import Tokenizer

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checkpoints  # noqa: E402
import layouts  # noqa: E402
import twin  # noqa: E402
import weights  # noqa: E402

LENGTHS = (1, 2, 3, 17, 64, 130, 511, 1024, 4096)


def random_ids(name, length, vocab):
    u = weights.uniform(f"ids/{name}/{length}", length)
    return ((u + 1.0) / 2 * vocab).astype(np.int64)


def scored(config, tensors, recipe, ids, positions):
    raw, reward = twin.score(config, tensors, recipe, ids, positions)
    return {"ids": [int(i) for i in ids], "positions": [int(p) for p in positions],
            "raw": [float(x) for x in raw], "reward": [float(x) for x in reward]}


def build(out, name, lengths, with_layouts=True):
    spec = checkpoints.SPECS[name]
    folder = os.path.join(out, name)
    path = os.path.join(checkpoints.TOKENIZERS, spec["config"]["tokenizer"], "tokenizer.json")
    tokenizer = Tokenizer.from_file(path)
    config, recipe = checkpoints.write(folder, name, tokenizer)
    _, tensors = twin.load_folder(folder)  # as stored: BF16 and F16 are rounded
    layout = layouts.LAYOUTS[spec["preset"]]
    result = {"name": name, "preset": spec["preset"], "kind": layout.kind, "dtype": spec["dtype"],
              "recipe": recipe, "cases": [], "id_cases": []}
    for n in lengths:
        ids = random_ids(name, n, tokenizer.get_vocab_size())
        positions = [n - 1] if layout.kind == "outcome" else sorted({0, n // 3, n // 2, n - 2 if n > 1 else 0, n - 1})
        result["id_cases"].append(scored(config, tensors, recipe, ids, positions))
    if with_layouts:
        for case in layouts.TEXTS:
            ids, positions = layout.build(folder, config, case)
            result["cases"].append(dict(case, **scored(config, tensors, recipe, ids, positions)))
    with open(os.path.join(folder, "oracle.json"), "w", encoding="utf-8") as f:
        json.dump(result, f)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--only", action="append")
    parser.add_argument("--lengths", default=",".join(map(str, LENGTHS)))
    args = parser.parse_args()
    for name in args.only or checkpoints.SPECS:
        r = build(args.out, name, [int(n) for n in args.lengths.split(",")])
        print(f"{name:40s} {r['preset']:22s} {r['dtype']:4s} cases {len(r['cases'])} "
              f"rewards {min(min(c['reward']) for c in r['id_cases']):.3f}..{max(max(c['reward']) for c in r['id_cases']):.3f}")


if __name__ == "__main__":
    main()
