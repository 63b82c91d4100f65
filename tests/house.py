#!/usr/bin/env python3
"""The rules of the house, which no compiler holds; a broken one fails the build.

    python3 tests/house.py            every broken rule, as file:line: what to do [rule]
    python3 tests/house.py --figures  the figures of the tree (CONTRIBUTING has them over time)
    python3 tests/house.py --twice    the passages that are written twice
    ... --tree FOLDER                 another checkout; ... --rule NAME  one rule only

tests/rules has the rules and their reasons; tests/rules/test_house.py plants each violation.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from rules import arrows, figures, names, pages, proofs
from rules.tree import Finding, Tree

RULES = (*arrows.RULES, *names.RULES, *pages.RULES, *proofs.RULES)


def findings(tree: Tree) -> Iterator[Finding]:
    for rule in RULES:
        yield from rule(tree)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--figures", action="store_true")
    parser.add_argument("--twice", action="store_true")
    parser.add_argument("--rule")
    parser.add_argument("--tree", type=Path, default=Path(__file__).resolve().parents[1])
    options = parser.parse_args()
    tree = Tree(options.tree)
    if options.figures:
        print(figures.figures(tree))
        return 0
    if options.twice:
        for a, line, b, other, length in figures.passages(tree, tree.c_files(*arrows.SOURCES)):
            print(f"{a}:{line} = {b}:{other} ({length} lines)")
        return 0
    found = [f for f in findings(tree) if options.rule in (None, f.rule)]
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
