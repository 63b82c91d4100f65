"""Answers of MATH against rewritings of themselves and against each other: do verdicts contradict
themselves?

    python tests/bench/answer_pairs.py --rewardd build/server/rewardd --data ../shared/data \
        [--pairs 1000000] [--seed 1]

Of each triple, b is a written in another way and c is another answer or a third writing. A
rewriting must not be called wrong, the order of the sides must not matter, and of three answers
with two pairs right the third pair must not be wrong. Prints the counts and the first violations;
exits with 1 when there is one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator

BATCH = 20000
PAIRS_OF_A_TRIPLE = 3
WIDE = str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(ord("0"), ord("9") + 1)})

REWRITINGS: list[Callable[[str], str]] = [
    lambda g: g,
    lambda g: f"${g}$",
    lambda g: f"\\({g}\\)",
    lambda g: f" {g} .",
    lambda g: g.replace("\\frac", "\\dfrac"),
    lambda g: g.replace("\\dfrac", "\\tfrac"),
    lambda g: re.sub(r"\^(\d)(?!\d)", r"^{\1}", g),
    lambda g: re.sub(r"\^\{(\d)\}", r"^\1", g),
    lambda g: g.replace("(", "\\left(").replace(")", "\\right)") if "\\left" not in g else g,
    lambda g: g.replace("\\left", "").replace("\\right", ""),
    lambda g: re.sub(r"\s*([+=])\s*", r" \1 ", g),
    lambda g: g.replace(", ", ",") if not re.search(r"\d,\d{3}", g.replace(", ", ",")) else g,
    lambda g: g.replace("\\cdot", "\\times"),
    lambda g: g.replace("\\sqrt", "\\,\\sqrt") if g.startswith("\\sqrt") else g,
    lambda g: g.translate(WIDE) if g.isdigit() else g,
    lambda g: f"{{{g}}}" if g.isdigit() else g,
    lambda g: g + ".0" if g.isdigit() else g,
    lambda g: f"{g}/1" if g.isdigit() else g,
]


def boxes(text: str) -> Iterator[str]:
    for hit in re.finditer(r"\\boxed\{", text):
        depth, at = 1, hit.end()
        while at < len(text) and depth > 0:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        if depth == 0:
            yield text[hit.end() : at - 1].strip()


def golds(data: str) -> list[str]:
    """References of MATH problems, and what traces of MATH and olympiad problems end in."""
    found: set[str] = set()
    with open(os.path.join(data, "answers", "real_math_800.jsonl"), encoding="utf-8") as file:
        for line in file:
            problem = json.loads(line)
            found.add(problem["reference"])
            found.update(box for text in problem["responses"] for box in boxes(text))
    for name in ("math", "olympiadbench", "omnimath"):
        path = os.path.join(data, "processbench", f"{name}.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                for trace in json.load(file):
                    found.update(boxes("\n".join(trace["steps"])))
    for name in ("test", "train"):
        path = os.path.join(data, "prm800k_phase1", f"{name}.tree.jsonl")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                for hit in re.finditer(r'"answer": ("(?:[^"\\]|\\.)*")', file.read()):
                    found.add(json.loads(hit[1]).strip())
    return sorted(g for g in found if 0 < len(g) <= 200)


def triples(answers: list[str], n: int, rng: random.Random) -> list[tuple[str, str, str]]:
    made = []
    for _ in range(n):
        a = rng.choice(answers)
        b = rng.choice(REWRITINGS)(a)
        c = rng.choice(REWRITINGS)(a if rng.random() < 0.5 else rng.choice(answers))
        made.append((rng.choice(REWRITINGS)(a), b, c))
    return made


def verdicts(binary: str, pairs: list[tuple[str, str]]) -> list[bool | None]:
    text = "".join(json.dumps({"answer": x, "reference": y}) + "\n" for x, y in pairs)
    done = subprocess.run(
        [binary, "verify-answers", "-"], input=text.encode(), capture_output=True, check=False
    )
    return [json.loads(line)["verified"] for line in done.stdout.splitlines()]


def check(triple: tuple[str, str, str], five: list[bool | None]) -> str | None:
    """ab, ba, bc, cb, ac."""
    ab, ba, bc, cb, ac = five
    if ab is not ba or bc is not cb:
        return "asymmetric"
    if ab is False:
        return "a rewriting is wrong"
    percent = any("%" in text or "percent" in text for text in triple)  # 50 % is 50 and 0.5
    if not percent and sorted(map(str, (ab, bc, ac))) == ["False", "True", "True"]:
        return "not transitive"
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rewardd", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--pairs", type=int, default=1000000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    answers = golds(args.data)
    rng = random.Random(args.seed)
    left = -(-args.pairs // PAIRS_OF_A_TRIPLE)
    done, count, violations = 0, Counter(), Counter()
    while left > 0:
        batch = triples(answers, min(left, BATCH), rng)
        rows = [p for a, b, c in batch for p in ((a, b), (b, a), (b, c), (c, b), (a, c))]
        found = verdicts(args.rewardd, rows)
        for i, triple in enumerate(batch):
            five = found[5 * i : 5 * i + 5]
            count[five[0]] += 1
            fault = check(triple, five)
            if fault is not None:
                violations[fault] += 1
                if violations[fault] <= 10:
                    print(fault, triple, five)
        left -= len(batch)
        done += PAIRS_OF_A_TRIPLE * len(batch)
    print(f"{len(answers)} answers, {done} pairs, seed {args.seed}")
    print(f"rewritings: {count[True]} right, {count[None]} null, {count[False]} wrong")
    print(f"violations: {dict(violations) or 'none'}")
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
