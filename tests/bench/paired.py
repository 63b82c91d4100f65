"""Two builds beside each other: user CPU time of loading and of scoring, in interleaved pairs.

    paired.py BUILD_BEFORE BUILD_AFTER [--model DIR]... [--pairs N] [--traces N] [--dtype TYPE]

Each pair runs both builds once, in turn first. `load` is rw-score without a case; `score` the same
with traces, less the load of the same build. The figure is the median over pairs of after/before,
with the range that holds 95 % of medians of resampled pairs. Other work on the machine costs both
alike; what it does to caches is the spread.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import tempfile

PROMPT = "A farmer has 12 hens that lay 5 eggs each week. How many eggs are that in 4 weeks?"
STEP = "Each hen lays 5 eggs a week, so 12 hens lay 12 * 5 = 60 eggs a week. "


def traces(n: int) -> str:
    draw = random.Random(1)
    lines = []
    for _ in range(n):
        steps = [STEP + f"That makes {draw.randrange(1000)}." for _ in range(draw.randrange(2, 9))]
        lines.append(json.dumps({"prompt": PROMPT, "steps": steps}))
    return "\n".join(lines) + "\n" if lines else ""


def user_seconds(command: list[str], text: str) -> float:
    """CPU time of the process in user mode."""
    with tempfile.TemporaryFile() as stdin, open(os.devnull, "wb") as null:
        stdin.write(text.encode())
        stdin.seek(0)
        with subprocess.Popen(command, stdin=stdin, stdout=null) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{command} failed")
    return usage.ru_utime


def interval(ratios: list[float]) -> tuple[float, float]:
    draw = random.Random(2)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(2000))
    return medians[50], medians[1949]


def measure(
    builds: list[str], model: str, args: argparse.Namespace
) -> dict[str, list[list[float]]]:
    text = traces(args.traces)
    out: dict[str, list[list[float]]] = {"load": [], "score": []}
    for pair in range(args.pairs + 1):
        row = {"load": [0.0, 0.0], "score": [0.0, 0.0]}
        for at in (0, 1) if pair % 2 == 0 else (1, 0):
            command = [f"{builds[at]}/tests/rw-score", model, "--dtype", args.dtype]
            row["load"][at] = user_seconds(command, "")
            row["score"][at] = user_seconds(command, text) - row["load"][at]
        for name, values in row.items():
            if pair > 0:  # the first reads the files into the page cache
                out[name].append(values)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--traces", type=int, default=40)
    parser.add_argument("--dtype", default="auto")
    args = parser.parse_args()
    small = pathlib.Path(__file__).parents[2] / "deploy" / "models" / "rewardd-prm-small"
    for model in args.model or [str(small)]:
        for name, pairs in measure([args.before, args.after], model, args).items():
            before, after = (statistics.median(p[i] for p in pairs) for i in (0, 1))
            ratios = [b / a for a, b in pairs]
            low, high = interval(ratios)
            print(
                f"{pathlib.Path(model).name} {args.dtype} {name}: {before:.4f} s before, "
                f"{after:.4f} s after, {statistics.median(ratios):.4f} ({low:.4f} to {high:.4f}), "
                f"{len(pairs)} pairs",
                flush=True,
            )


if __name__ == "__main__":
    main()
