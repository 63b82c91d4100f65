"""Writes the calibration bank of the default models: makes clean traces, then runs `rewardd
calibrate` on them.

python calibrate.py --rewardd build/server/rewardd --data DIR [--own 3000] [--gsm8k 2000] [--unseen
600] [--deep 2500] [--traces FILE]
                    [--only-traces]

Generated traces are right by construction: drawn from the generator's own training families, from
GSM8K train and from the calibration families, on which no model was trained, under a seed of their
own (CALIBRATION_SEED: no trace of the training, development or test streams), and kept only when
every step is right. Each calibration family, and each training family of symbols, is a group of its
own: a value counts as strange only beside every group, and the latent distances of a group are
those to the other groups, so phrasing the model was not trained on is not strange by itself. Held-
out template families are not in the bank: they are what its false-alarm rate is tested on.

Natural traces (rewardd_recipe/natural.py) are right by their raters: of ProcessBench and of
prm800k's train part, a group each. They are what text looks like that nobody generated.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Callable

from rewardd_recipe import gsm8k, natural
from rewardd_recipe.mixture import CALIBRATION, HELD_OUT, OWN
from rewardd_recipe.trace import Step, Trace

CALIBRATION_SEED = 7_000_003
HERE = Path(__file__).resolve().parent
WORD_PROBLEMS = {
    "words",
    "relations",
    "chains",
    "scenes",
    "words (held-out templates)",
    "ledger",
    *CALIBRATION,
}
TRIES = 50  # draws per trace that is kept, before the generator is called broken


EQUATION = re.compile(
    r"(?P<left>[\d.,$%()+\-*/x×÷ "
    r"]+)=\s*\$?(?P<right>\d[\d,]*(?:\.\d+)?)(?P<percent>%?)(?![\d/]|[.,]\d|\s?[-+*/x×÷(])"
)
TOKEN = re.compile(
    r"\s*(?:\$?(?P<number>\d[\d,]*(?:\.\d+)?|\.\d+)(?P<percent>%?)|(?P<mark>[-+*/x×÷()]))"
)


class NoExpression(Exception):
    pass


def value_of(text: str) -> Fraction:
    """An arithmetic expression as it is written in solutions: $, thousands, percent, x for times.
    NoExpression: it is none."""
    tokens: list[Fraction | str] = []
    at, text = 0, text.strip()
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            raise NoExpression
        at = found.end()
        if found["mark"]:
            tokens.append({"x": "*", "×": "*", "÷": "/"}.get(found["mark"], found["mark"]))
        else:
            tokens.append(
                Fraction(found["number"].replace(",", "")) / (100 if found["percent"] else 1)
            )

    def take(marks: str) -> str:
        return tokens.pop(0) if tokens and isinstance(tokens[0], str) and tokens[0] in marks else ""

    def atom() -> Fraction:
        if take("("):
            inner = terms()
            if not take(")"):
                raise NoExpression
            return inner
        if not tokens or isinstance(tokens[0], str):
            raise NoExpression
        return tokens.pop(0)

    def factors() -> Fraction:
        out = atom()
        while mark := take("*/") or ("*" if tokens and tokens[0] == "(" else ""):
            by = atom()
            if mark == "/" and by == 0:
                raise NoExpression
            out = out * by if mark == "*" else out / by
        return out

    def terms() -> Fraction:
        out = factors()
        while mark := take("+-"):
            out = out + factors() if mark == "+" else out - factors()
        return out

    out = terms()
    if tokens:
        raise NoExpression
    return out


def equations_hold(text: str) -> bool:
    """GSM8K text with other numbers put in sometimes keeps an old one, and then an equation in it
    is false: such a trace is not clean. What is not wholly an expression is left alone; a result
    may be rounded to the digits that are shown."""
    text = text.replace("\\times", "*").replace("\\cdot", "*").replace("\\div", "/")
    for found in EQUATION.finditer(text):
        left = found["left"]
        if not re.search(r"[-+*/x×÷]|\d\(", left) or (
            left[0] != " " and found.start() > 0 and text[found.start() - 1].isalpha()
        ):
            continue
        try:
            value = value_of(left)
        except NoExpression:
            continue
        shown = Fraction(found["right"].replace(",", ""))
        near = Fraction(1, 10 ** len(found["right"].partition(".")[2]))
        wanted = [value, value * 100] if found["percent"] or "%" in left else [value]
        if all(abs(w - shown) >= near for w in wanted):
            return False
    return True


def is_clean(trace: Trace) -> bool:
    """Every step is right, and so is the answer: families that label steps only (outcome None) end
    in a checked step."""
    return (
        bool(trace.steps)
        and all(step.valid is True and step.text.strip() for step in trace.steps)
        and trace.outcome is not False
        and not trace.shortcut
    )


def clean_traces(
    make: Callable[[random.Random], Trace], rng: random.Random, count: int
) -> Iterator[Trace]:
    for _ in range(count):
        for _ in range(TRIES):
            trace = make(rng)
            if is_clean(trace) and all(equations_hold(step.text) for step in trace.steps):
                yield trace
                break
        else:
            sys.exit("the generator makes no clean traces")


def domain_of(name: str) -> str:
    """The tag a client would send: word problems are one domain; equations, columns, states and
    rules are ranked in the pool."""
    assert name in OWN or name in HELD_OUT or name in CALIBRATION, name
    return "word_problems" if name in WORD_PROBLEMS else ""


def group_of(name: str) -> str:
    """A family of symbols has a group of its own, as has a calibration family; training families of
    word problems and GSM8K have none: they are the wording a client of that domain is expected to
    have."""
    return "" if name in OWN and name in WORD_PROBLEMS else name


def own_traces(rng: random.Random, count: int) -> Iterator[tuple[Trace, str, str]]:
    """Clean traces of the training families, as often as training draws them."""
    names = list(OWN)
    for name in rng.choices(names, [OWN[n][0] for n in names], k=count):
        yield next(clean_traces(OWN[name][1], rng, 1)), domain_of(name), group_of(name)


def natural_rows(data: Path) -> list[tuple[Trace, str, str]]:
    return [
        (Trace(t.prompt, [Step(s, True) for s in t.steps], name), domain, name)
        for name, (domain, _) in natural.CALIBRATION.items()
        for t in natural.traces_of(natural.CALIBRATION, name, data)
    ]


def write_traces(
    path: Path, data: Path, own: int, word_problems: int, unseen: int, seed: int
) -> int:
    rng = random.Random(seed)
    source = gsm8k.Source(data / "gsm8k" / "train.jsonl")
    rows = list(own_traces(rng, own))
    rows += [
        (trace, "word_problems", "") for trace in clean_traces(source.make, rng, word_problems)
    ]
    for name, make in CALIBRATION.items():
        rows += [
            (trace, domain_of(name), group_of(name)) for trace in clean_traces(make, rng, unseen)
        ]
    rows += natural_rows(data)
    rng.shuffle(rows)  # every fifth row is a fold; with --deep the first ones get deep probes
    with path.open("w", encoding="utf-8") as out:
        for trace, domain, group in rows:
            row = {
                "prompt": trace.question,
                "steps": [step.text for step in trace.steps],
                "domain": domain,
                "group": group,
                "family": trace.family,
            }
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    return len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rewardd", type=Path, default=HERE.parents[2] / "build" / "server" / "rewardd"
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="folder with gsm8k/train.jsonl, processbench/ and prm800k_phase1/",
    )
    parser.add_argument("--models", type=Path, default=HERE.parent)
    parser.add_argument("--own", type=int, default=3000)
    parser.add_argument("--gsm8k", type=int, default=2000)
    parser.add_argument("--unseen", type=int, default=600, help="traces of each calibration family")
    parser.add_argument("--threads", type=int, default=0, help="of rewardd calibrate; 0 = all")
    parser.add_argument(
        "--deep",
        type=int,
        default=2500,
        help="traces with deep probes; a p needs 99 of them in every group and length bin",
    )
    parser.add_argument("--seed", type=int, default=CALIBRATION_SEED)
    parser.add_argument("--traces", type=Path, help="keep the traces here")
    parser.add_argument("--only-traces", action="store_true", help="write --traces and stop")
    opt = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        path = opt.traces or Path(scratch) / "clean.jsonl"
        count = write_traces(path, opt.data, opt.own, opt.gsm8k, opt.unseen, opt.seed)
        print(
            f"{count} clean traces of {len(OWN)} families, {len(CALIBRATION)} calibration "
            f"families, {len(natural.CALIBRATION)} natural groups and GSM8K train",
            flush=True,
        )
        if opt.only_traces:
            return
        subprocess.run(
            [
                opt.rewardd,
                "calibrate",
                "--model",
                opt.models / "rewardd-prm-small",
                "--outcome",
                opt.models / "rewardd-orm-small",
                "--traces",
                path,
                "--deep",
                str(opt.deep),
                "--threads",
                str(opt.threads),
            ],
            check=True,
        )


if __name__ == "__main__":
    main()
