"""The rule-reversal task: short symbolic traces whose steps apply known permutations, forwards or
in reverse.

A trace reads  RULE STYLE START  then  OP VALUE MARK  for every step, then END. Under the rule
"normal" an operation maps the value by its permutation; under "reversed" by the inverse. A step is
valid when its VALUE is what its OP gives on the value written before. Every operation is one to
one, so one wrong step makes the answer wrong, and two can cancel.

STYLE is the surface feature: it says nothing about the steps, but in the training data it agrees
with the outcome with probability rho. Cells (rule, op, value) may be left out of the training data:
that is what coverage varies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

VALUES, OPS, STEPS = 6, 3, 3
RULE, STYLE, VALUE, OP = 0, 2, 4, 4 + VALUES
MARK, END = OP + OPS, OP + OPS + 1
VOCAB = END + 1
LENGTH = 3 + 3 * STEPS + 1
MARKS = [3 + 3 * t + 2 for t in range(STEPS)]
WORLD_SEED = 77


def tables() -> np.ndarray:
    """[rule, op, value] -> value; the same world in every run."""
    rng = np.random.default_rng(WORLD_SEED)
    forward = np.stack([rng.permutation(VALUES) for _ in range(OPS)])
    return np.stack([forward, np.argsort(forward, axis=1)])


TABLE = tables()


def cells(share: float, seed: int) -> np.ndarray:
    """Which (rule, op, value) occur in training: all of the normal rule, `share` of every
    (reversed, value) column, at least one operation each, so that a trace can always go on."""
    rng = np.random.default_rng(seed)
    seen = np.ones((2, OPS, VALUES), dtype=bool)
    keep = max(1, round(share * OPS))
    for v in range(VALUES):
        seen[1, :, v] = False
        seen[1, rng.permutation(OPS)[:keep], v] = True
    return seen


@dataclass
class Data:
    ids: np.ndarray  # [n, LENGTH]
    valid: np.ndarray  # [n, STEPS] prefix validity
    outcome: np.ndarray  # [n]


def sample(
    rng: np.random.Generator,
    n: int,
    rho: float,
    seen: np.ndarray,
    reversed_share: float = 0.5,
    wrong: float = 0.5,
) -> Data:
    """n traces; `rho` is the probability that STYLE agrees with the outcome (0: always the
    opposite)."""
    ids = np.empty((n, LENGTH), dtype=np.int64)
    valid = np.ones((n, STEPS), dtype=np.int64)
    rule = (rng.random(n) < reversed_share).astype(int)
    value = rng.integers(0, VALUES, n)
    bad = np.where(rng.random(n) < wrong, rng.integers(0, STEPS, n), -1)
    ids[:, 0], ids[:, 2] = RULE + rule, VALUE + value
    for t in range(STEPS):
        op = _operation(rng, seen, rule, value)
        result = TABLE[rule, op, value]
        slip = (result + rng.integers(1, VALUES, n)) % VALUES
        value = np.where(bad == t, slip, result)
        ids[:, 3 + 3 * t], ids[:, 4 + 3 * t], ids[:, 5 + 3 * t] = OP + op, VALUE + value, MARK
        valid[:, t] = (bad < 0) | (bad > t)
    outcome = (bad < 0).astype(np.int64)
    agree = rng.random(n) < rho
    ids[:, 1] = STYLE + np.where(agree, outcome, 1 - outcome)
    ids[:, -1] = END
    return Data(ids, valid, outcome)


def _operation(
    rng: np.random.Generator, seen: np.ndarray, rule: np.ndarray, value: np.ndarray
) -> np.ndarray:
    """A random operation among the seen ones of each trace's (rule, value)."""
    weight = rng.random((len(rule), OPS)) * seen[rule, :, value]
    return weight.argmax(axis=1)


def shortcuts(rng: np.random.Generator, n: int, seen: np.ndarray) -> Data:
    """Right answer, wrong process: one step is wrong and a later one is wrong by just enough. STYLE
    is the good one."""
    data = sample(rng, n, 1.0, seen, wrong=0.0)
    rule = data.ids[:, 0] - RULE
    first = rng.integers(0, STEPS - 1, n)
    second = np.array([rng.integers(f + 1, STEPS) for f in first])
    value = data.ids[:, 2] - VALUE
    for t in range(STEPS):
        op = data.ids[:, 3 + 3 * t] - OP
        honest = data.ids[:, 4 + 3 * t] - VALUE
        follow = TABLE[rule, op, value]
        slip = (honest + rng.integers(1, VALUES, n)) % VALUES
        value = np.where(
            t < first, honest, np.where(t == first, slip, np.where(t >= second, honest, follow))
        )
        data.ids[:, 4 + 3 * t] = VALUE + value
        data.valid[:, t] = t < first
    return data
