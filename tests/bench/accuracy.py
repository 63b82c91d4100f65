"""What a type of weights costs in accuracy, against F32 of the same model.

    RW_SCORE=build/tests/rw-score python tests/bench/accuracy.py [--traces N] [--random LAYERS]

Default models over the first N traces of each ProcessBench subset (REWARDD_DATA, by default
../shared/data), and one model of random weights in the shape of Qwen2.5-0.5B (LAYERS of its 24; 0
leaves it out) over random ids. Per type: largest and mean difference of the probability, root mean
square of the raw value's difference in standard deviations of the raw value, verdicts at 0.5 that
agree, and Spearman's rank correlation. Prints a table.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(HERE, "..", "oracle"))
DRIVER = os.environ.get("RW_SCORE", "")
DATA = os.environ.get("REWARDD_DATA", os.path.join(TOP, "..", "shared", "data"))
DTYPES = ("bf16", "int8", "q4")


def score(folder, cases, dtype, *options):
    lines = "".join(json.dumps(c) + "\n" for c in cases)
    command = [DRIVER, folder, "--dtype", dtype, "--threads", "2", "--batch", "16", *options]
    done = subprocess.run(command, input=lines.encode(), capture_output=True, check=False)
    out = [json.loads(x) for x in done.stdout.decode().splitlines()]
    if len(out) != len(cases):
        raise SystemExit(f"{folder} {dtype}: {done.stderr.decode()}")
    raw = [v for o in out for v in o.get("raw", [])]
    reward = [v for o in out for v in o.get("reward", [])]
    return np.array(raw), np.array(reward), sum("error" in o for o in out)


def ranks(x):
    order = np.argsort(x, kind="stable")
    out = np.empty(len(x))
    out[order] = np.arange(len(x))
    return out


def report(name, folder, cases, *options):
    raw, reward, refused = score(folder, cases, "f32", *options)
    print(
        f"{name}: {len(cases)} traces, {len(raw)} scores, {refused} refused (too long)", flush=True
    )
    for dtype in DTYPES:
        other_raw, other, _ = score(folder, cases, dtype, *options)
        assert len(other) == len(reward)
        miss = np.abs(other - reward)
        spread = np.sqrt(np.mean((other_raw - raw) ** 2)) / raw.std()
        agree = np.mean((other >= 0.5) == (reward >= 0.5))
        rank = np.corrcoef(ranks(raw), ranks(other_raw))[0, 1]
        print(
            f"| {name} | {dtype} | {miss.max():.4f} | {miss.mean():.5f} | {spread:.4f} | "
            f"{100 * agree:.2f} % "
            f"| {rank:.5f} |",
            flush=True,
        )


def real_traces(n):
    for subset in ("gsm8k", "math", "olympiadbench", "omnimath"):
        with open(os.path.join(DATA, "processbench", subset + ".json"), encoding="utf-8") as f:
            for item in json.load(f)[:n]:
                yield {
                    "messages": [{"role": "user", "content": item["problem"]}],
                    "steps": item["steps"],
                }


def random_model(folder, layers):
    import checkpoints
    from tokenizers import Tokenizer

    spec = dict(
        checkpoints.SPECS["trl-prm"]
        if "trl-prm" in checkpoints.SPECS
        else checkpoints.SPECS["PURE-PRM-7B"]
    )
    spec["dtype"] = "BF16"
    spec["config"] = dict(
        spec["config"],
        hidden_size=896,
        intermediate_size=4864,
        num_hidden_layers=layers,
        num_attention_heads=14,
        num_key_value_heads=2,
        use_sliding_window=False,
    )
    spec["config"].pop("head_dim", None)
    path = os.path.join(checkpoints.TOKENIZERS, spec["config"]["tokenizer"], "tokenizer.json")
    tokenizer = Tokenizer.from_file(path)
    checkpoints.write(folder, "random", tokenizer, spec=spec)
    rng = np.random.default_rng(7)
    vocab = tokenizer.get_vocab_size()
    return [
        {"ids": rng.integers(0, vocab, 256).tolist(), "positions": list(range(7, 256, 8))}
        for _ in range(8)
    ]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--traces", type=int, default=50)
    parser.add_argument("--random", type=int, default=24)
    args = parser.parse_args()
    if not DRIVER:
        raise SystemExit("RW_SCORE does not name the rw-score program")
    print(
        "| model | type | largest |p - p32| | mean | raw, rms / std | verdicts that agree |"
        " rank correlation |"
    )
    cases = list(real_traces(args.traces))
    for name in ("rewardd-prm-small", "rewardd-orm-small"):
        report(name, os.path.join(TOP, "deploy", "models", name), cases)
    if args.random:
        with tempfile.TemporaryDirectory() as folder:
            ids = random_model(folder, args.random)
            report(f"random, 0.5B shape, {args.random} layers", folder, ids, "--preset", "pure-prm")


if __name__ == "__main__":
    main()
