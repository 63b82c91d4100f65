#!/usr/bin/env python3
"""What the assertions that stay on cost: this tree beside the same tree without them.

    python3 tests/bench/invariants.py BUILD [--pairs 15] [--model DIR] [--work DIR]

A copy of the tree gets a rw_assert that evaluates its condition and does nothing (some conditions
change something), and is built as BUILD was. Both binaries run `rewardd bench` in alternating
order; the figure of a run is the least CPU time per trace of its repetitions, which another
process on the machine changes least. Prints the ratio with / without of each pair, median and
quartiles.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
ASSERT = """#define rw_assert(condition) \\
    ((condition) ? (void)0 : rw_assert_failed(#condition, __FILE__, __LINE__, __func__))
"""


def without(work: Path) -> Path:
    copy = work / "tree"
    listed = ["git", "-C", str(TOP), "ls-files", "-co", "--exclude-standard"]
    for file in subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split():
        (copy / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TOP / file, copy / file)
    header = copy / "core/base/assert.h"
    text = header.read_text()
    assert ASSERT in text, "rw_assert is not what this script knows"
    header.write_text(text.replace(ASSERT, "#define rw_assert(condition) ((void)(condition))\n"))
    subprocess.run(["meson", "setup", "build"], cwd=copy, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", "build", "server/rewardd"], cwd=copy, check=True)
    return copy / "build/server/rewardd"


def cpu_ms(binary: Path, model: Path) -> float:
    command = [binary, "bench", "--model", model, "--threads", "1", "--runs", "9", "--skip-http"]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    return min(json.loads(done.stdout)["cpu_ms_per_trace"]["runs"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--model", type=Path, default=TOP / "deploy/models/rewardd-prm-small")
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="rewardd-invariants-"))
    ours = options.build / "server/rewardd"
    other = work / "tree/build/server/rewardd"
    other = other if other.exists() else without(work)
    ratios = []
    for pair in range(options.pairs):
        order = (ours, other) if pair % 2 == 0 else (other, ours)
        found = {binary: cpu_ms(binary, options.model) for binary in order}
        ratios.append(found[ours] / found[other])
        print(f"{pair}: {found[ours]:.3f} ms with, {found[other]:.3f} without", flush=True)
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"with / without: median {middle:.3f}, quartiles {low:.3f} and {high:.3f}")


if __name__ == "__main__":
    main()
