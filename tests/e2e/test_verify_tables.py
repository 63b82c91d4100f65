"""Verdicts on pairs of every kind, and on the tables that other graders test themselves with.

    pytest -s tests/e2e/test_verify_tables.py       prints the agreement per table

`answer_kinds.jsonl` has our own pairs of the kinds A1 to A21 that graders get wrong,
`answer_forms.jsonl` those of other forms models write (units, dates, Chinese, numbers in words,
ratios, bases, expressions): `want` is true, false or null, `!false` (true or null) or `!true`
(false or null). The tables are read from
the source distributions of their packages (deploy/deps.sh puts them into the cache); they are
never installed, and nothing of them is in this tree. Without them the test is skipped.
"""

import ast
import glob
import json
import os
import subprocess
import tarfile
from collections import Counter

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.environ.get("REWARDD_CACHE") or os.path.expanduser("~/.cache/rewardd")
SOURCES = {"math_verify": 250, "ai4math": 30}  # and the rows that are there at least
ALLOWED = {
    "!false": (True, None),
    "!true": (False, None),
    "null": (None,),
    "true": (True,),
    "false": (False,),
}

# Rows whose own verdict is a choice of that library or a slip of its table: gold, answer, verdict
# of the table, why ours is another one.
POLICY = [
    (
        r"$x \in [-2,7]$",
        r"$-2 \\le x \\le 7$",
        False,
        "that library lets a relation stand for a set in one direction only",
    ),
    (
        r"$1 - \frac{1}{\mathrm{e}}$",
        r"$1 + \frac{1}{\mathrm{e}}$",
        True,
        "1 - 1/e is not 1 + 1/e: the row says only that something is extracted",
    ),
]


def judge(rewardd_bin, rows):
    """[(answer, reference)] -> verdicts, with their reasons."""
    text = "".join(json.dumps({"text": t, "reference": r}) + "\n" for t, r in rows)
    done = subprocess.run(
        [rewardd_bin, "verify-answers", "-"], input=text.encode(), capture_output=True, timeout=300
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def own_pairs(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_pairs_of_every_kind(rewardd_bin):
    pairs = own_pairs("answer_kinds.jsonl")
    assert {p["kind"] for p in pairs} == {f"A{i}" for i in range(1, 22)}
    pairs += own_pairs("answer_forms.jsonl")
    found = judge(rewardd_bin, [(p["text"], p["reference"]) for p in pairs])
    bad = [
        (p, r["verified"], r["reason"]["rule"])
        for p, r in zip(pairs, found, strict=True)
        if r["verified"] not in ALLOWED[p["want"]]
    ]
    assert not bad


# ---- tables of others --------------------------------------------------------------------------


def archives(package):
    return sorted(glob.glob(os.path.join(CACHE, "wheels", f"{package}-*.tar.gz")))


def sources(package):
    """The test files of a source distribution."""
    with tarfile.open(archives(package)[-1]) as archive:
        for member in archive.getmembers():
            if "/tests/" in member.name and member.name.endswith(".py"):
                yield ast.parse(archive.extractfile(member).read())


def literal(node):
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def tables(function):
    """The rows that parametrize a test: tuples of literals."""
    for mark in function.decorator_list:
        if isinstance(mark, ast.Call) and len(mark.args) > 1 and isinstance(mark.args[1], ast.List):
            for row in mark.args[1].elts:
                cells = row.args if isinstance(row, ast.Call) else getattr(row, "elts", [])
                yield [literal(cell) for cell in cells]


def read_rows(package):
    """[(gold, answer, equal)] of the tests that compare two texts."""
    rows = []
    for tree in sources(package):
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef):
                continue
            for row in tables(function):
                if not all(isinstance(cell, str) for cell in row[:2]) or len(row) < 2:
                    continue
                if len(row) > 2 and row[2] in (0, 1):
                    rows.append((row[0], row[1], bool(row[2])))
                elif len(row) == 2 and function.name in ("test_equivalent", "test_not_equivalent"):
                    rows.append((row[0], row[1], function.name == "test_equivalent"))
    return rows


def policy(gold, answer, equal):
    return any(row[:3] == (gold, answer, equal) for row in POLICY)


def agreement(rewardd_bin, package):
    """Prints a table's agreement; its rows, its nulls, and what is wrong outside POLICY."""
    rows = read_rows(package)
    assert len(rows) >= SOURCES[package]
    found = judge(rewardd_bin, [(answer, gold) for gold, answer, _ in rows])
    count = Counter((equal, r["verified"]) for (_, _, equal), r in zip(rows, found, strict=True))
    equal, unequal = (
        " / ".join(str(count[wanted, v]) for v in order)
        for wanted, order in ((True, (True, None, False)), (False, (False, None, True)))
    )
    null = count[True, None] + count[False, None]
    named = sum(policy(*row) for row in rows)
    print(f"\n{package}: {len(rows)} rows; equal wanted R/U/W {equal}; unequal W/U/R {unequal}")
    print(f"  null {null / len(rows):.1%}; rows with a named choice: {named}")
    wrong = [
        (row, r["verified"], r["reason"]["rule"])
        for row, r in zip(rows, found, strict=True)
        if r["verified"] not in (None, row[2]) and not policy(*row)
    ]
    return len(rows), null, wrong


def test_tables_of_other_graders(rewardd_bin):
    there = [p for p in SOURCES if archives(p)]
    if not there:
        pytest.skip("no source distribution of a grader is in the cache (deploy/deps.sh test)")
    results = [agreement(rewardd_bin, package) for package in there]
    assert not [wrong for _, _, wrong in results if wrong]
    assert sum(null for _, null, _ in results) <= 0.15 * sum(rows for rows, _, _ in results)
