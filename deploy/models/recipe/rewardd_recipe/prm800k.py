"""prm800k phase 1 (train part): human ratings of model-written steps, as traces along the tree of
continuations."""

from __future__ import annotations

import json
import random
from pathlib import Path

from .trace import Step, Trace

DEV_EVERY = 12
NEUTRAL_WEIGHT = 0.5


def load(path: Path, dev: bool) -> list[dict]:
    rows = [
        json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
    ]
    return [r for i, r in enumerate(rows) if (i % DEV_EVERY == 0) == dev]


def rating(node: dict) -> int | None:
    """The rating when the raters agree on it."""
    votes = {label["r"] for label in node["labels"]}
    return votes.pop() if len(votes) == 1 else None


def _step(node: dict, fresh: bool) -> Step:
    r = rating(node)
    valid = None if r is None else r >= 0
    weight = (1.0 if r else NEUTRAL_WEIGHT) * (1.0 if fresh else 0.25)
    return Step(node["t"].strip(), valid, None, weight)


def problem_traces(
    rng: random.Random, record: dict, max_chars: int = 1400, max_bad: int = 12
) -> list[Trace]:
    """Paths of one problem: to its wrong steps, and along its rated-good leaves. Steps seen before
    weigh less."""
    nodes = record["nodes"]
    children = {n["p"] for n in nodes}
    bad = [i for i, n in enumerate(nodes) if rating(n) == -1]
    good = [i for i, n in enumerate(nodes) if rating(n) in (0, 1) and i not in children]
    rng.shuffle(bad)
    rng.shuffle(good)
    bad = bad[:max_bad]
    picks = bad + good[: len(bad) + 2]
    rng.shuffle(picks)
    seen: set[int] = set()
    out = []
    for leaf in picks:
        path = []
        at = leaf
        while at >= 0:
            path.append(at)
            at = nodes[at]["p"]
        path.reverse()
        if any(rating(nodes[i]) == -1 for i in path[:-1]):
            continue
        if len(record["problem"]) + sum(len(nodes[i]["t"]) for i in path) > max_chars:
            continue
        steps = [_step(nodes[i], i not in seen) for i in path]
        seen.update(path)
        out.append(
            Trace(
                record["problem"].strip(),
                steps,
                "prm800k",
                error="human" if rating(nodes[leaf]) == -1 else "",
            )
        )
    return out


class Source:
    """Cycles over the problems, in a new order every round."""

    def __init__(self, path: Path, dev: bool = False) -> None:
        self.records = load(path, dev)
        self.queue: list[Trace] = []
        self.order: list[dict] = []

    def make(self, rng: random.Random) -> Trace:
        while not self.queue:
            if not self.order:
                self.order = rng.sample(self.records, len(self.records))
            self.queue = problem_traces(rng, self.order.pop())
        return self.queue.pop()
