"""Writes the calibration bank of the default models: makes clean traces, then runs `rewardd calibrate` on them.

python calibrate.py --rewardd build/server/rewardd --data DIR [--own 4500] [--gsm8k 1500] [--unseen 700] [--traces FILE]
                    [--only-traces]

The traces are right by construction: drawn from the generator's own training families, from GSM8K train and from the
calibration families, on which no model was trained, under a seed of their own (CALIBRATION_SEED: no trace of the training,
development or test streams), and kept only when every step is right. Each calibration family, and each training family
of symbols, is a group of its own: a value counts as strange only beside every group, and the latent distances of a group are those
to the other groups, so phrasing the model was not trained on is not strange by itself.
Held-out template families are not in the bank: they are what its false-alarm rate is tested on.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable, Iterator

from rewardd_recipe import gsm8k
from rewardd_recipe.mixture import CALIBRATION, HELD_OUT, OWN
from rewardd_recipe.trace import Trace

CALIBRATION_SEED = 7_000_003
HERE = Path(__file__).resolve().parent
WORD_PROBLEMS = {"words", "relations", "chains", "scenes", "words (held-out templates)", "ledger", *CALIBRATION}
TRIES = 50  # draws per trace that is kept, before the generator is called broken


SUM = re.compile(r"(?<![\d.,%/*x×+-])(?<![/*x×+-] )\$?(\d+(?:\.\d+)?) ?([-+*/x×]) ?\$?(\d+(?:\.\d+)?) ?= ?\$?(\d+(?:\.\d+)?)(?![\d,./%]| ?[-+*/x×])")


def sums_hold(text: str) -> bool:
    """Plain sums of two numbers. GSM8K text with other numbers put in sometimes keeps an old one; such a trace is not clean."""
    for a, op, b, c in SUM.findall(text):
        x, y, z = float(a), float(b), float(c)
        if op == "/" and y == 0:
            return False
        value = {"+": x + y, "-": x - y, "*": x * y, "x": x * y, "×": x * y, "/": x / y if y else 0.0}[op]
        if abs(value - z) > 1e-9 * max(1.0, abs(value)) and abs(value - z) * 10 ** len(c.partition(".")[2]) >= 1:
            return False
    return True


def is_clean(trace: Trace) -> bool:
    """Every step is right, and so is the answer: families that label steps only (outcome None) end in a checked step."""
    return (bool(trace.steps) and all(step.valid is True and step.text.strip() for step in trace.steps)
            and trace.outcome is not False and not trace.shortcut)


def clean_traces(make: Callable[[random.Random], Trace], rng: random.Random, count: int) -> Iterator[Trace]:
    for _ in range(count):
        for _ in range(TRIES):
            trace = make(rng)
            if is_clean(trace) and all(sums_hold(step.text) for step in trace.steps):
                yield trace
                break
        else:
            sys.exit("the generator makes no clean traces")


def domain_of(name: str) -> str:
    """The tag a client would send: word problems are one domain; equations, columns, states and rules are ranked in the pool."""
    assert name in OWN or name in HELD_OUT or name in CALIBRATION, name
    return "word_problems" if name in WORD_PROBLEMS else ""


def group_of(name: str) -> str:
    """A family of symbols has a group of its own, as has a calibration family; training families of word problems and GSM8K have
    none: they are the wording a client of that domain is expected to have."""
    return "" if name in OWN and name in WORD_PROBLEMS else name


def own_traces(rng: random.Random, count: int) -> Iterator[tuple[Trace, str, str]]:
    """Clean traces of the training families, as often as training draws them."""
    names = list(OWN)
    for name in rng.choices(names, [OWN[n][0] for n in names], k=count):
        yield next(clean_traces(OWN[name][1], rng, 1)), domain_of(name), group_of(name)


def write_traces(path: Path, data: Path, own: int, word_problems: int, unseen: int, seed: int) -> int:
    rng = random.Random(seed)
    source = gsm8k.Source(data / "gsm8k" / "train.jsonl")
    rows = list(own_traces(rng, own))
    rows += [(trace, "word_problems", "") for trace in clean_traces(source.make, rng, word_problems)]
    for name, make in CALIBRATION.items():
        rows += [(trace, domain_of(name), group_of(name)) for trace in clean_traces(make, rng, unseen)]
    rng.shuffle(rows)  # every fifth row is a fold; the first ones get deep probes
    with path.open("w", encoding="utf-8") as out:
        for trace, domain, group in rows:
            row = {"prompt": trace.question, "steps": [step.text for step in trace.steps], "domain": domain,
                   "group": group, "family": trace.family}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    return len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rewardd", type=Path, default=HERE.parents[2] / "build" / "server" / "rewardd")
    parser.add_argument("--data", type=Path, required=True, help="folder with gsm8k/train.jsonl")
    parser.add_argument("--models", type=Path, default=HERE.parent)
    parser.add_argument("--own", type=int, default=4500)
    parser.add_argument("--gsm8k", type=int, default=1500)
    parser.add_argument("--unseen", type=int, default=700, help="traces of each calibration family")
    parser.add_argument("--threads", type=int, default=0, help="of rewardd calibrate; 0 = all")
    parser.add_argument("--deep", type=int, default=400)
    parser.add_argument("--seed", type=int, default=CALIBRATION_SEED)
    parser.add_argument("--traces", type=Path, help="keep the traces here")
    parser.add_argument("--only-traces", action="store_true", help="write --traces and stop")
    opt = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        path = opt.traces or Path(scratch) / "clean.jsonl"
        count = write_traces(path, opt.data, opt.own, opt.gsm8k, opt.unseen, opt.seed)
        print(f"{count} clean traces of {len(OWN)} families, {len(CALIBRATION)} calibration families and GSM8K train", flush=True)
        if opt.only_traces:
            return
        subprocess.run([opt.rewardd, "calibrate", "--model", opt.models / "rewardd-prm-small", "--outcome",
                        opt.models / "rewardd-orm-small", "--traces", path, "--deep", str(opt.deep), "--threads", str(opt.threads)], check=True)


if __name__ == "__main__":
    main()
