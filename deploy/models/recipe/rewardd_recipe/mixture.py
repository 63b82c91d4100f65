"""Which traces a split is made of. Every split has its own seed space; held-out parts never enter
training."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

from . import gold, gsm8k, prm800k, prose, shortcuts
from .families import (
    algebra,
    basen,
    calibration,
    chains,
    countdown,
    drills,
    equations,
    plain,
    plain_tasks,
    plain_words,
    relations,
    scenes,
    states,
    words,
)
from .program import write
from .trace import Trace
from .vary import framed, vary

SEEDS = {"train": 1_000_003, "dev": 2_000_003, "test": 3_000_017}
Maker = Callable[[random.Random], Trace]

OWN: dict[str, tuple[float, Maker]] = {
    "words": (1.6, words.make),
    "relations": (2.2, relations.make),
    "chains": (2.0, chains.make),
    "linear": (1.4, equations.make),
    "basen": (1.0, basen.make),
    "countdown": (1.0, countdown.make),
    "stacks": (1.6, states.stacks),
    "tracking": (3.0, states.tracking),
    "logic": (1.8, states.logic),
    "scenes": (2.4, scenes.make),
    "algebra": (1.2, algebra.make),
}
HELD_OUT: dict[str, Maker] = {
    "words (held-out templates)": lambda rng: words.make(rng, True),
    "ledger": lambda rng: chains.make(rng, True),
    "systems": lambda rng: equations.make(rng, True),
    "tracking (held-out things)": lambda rng: states.tracking(rng, True),
}
CALIBRATION: dict[str, Maker] = (
    calibration.FAMILIES
)  # for the bank of the shortcut flags: neither trained on nor reported


def plain_trace(rng: random.Random, held_out: bool = False) -> Trace:
    """What a newcomer types. `held_out`: other questions, wordings, formulas and notations."""
    words_share = 0.22
    if rng.random() < words_share:
        if held_out:
            return rng.choice(plain_words.HELD_MAKERS)(rng, True)
        rates, makers = zip(*plain_words.MAKERS)
        return rng.choices(makers, rates)[0](rng, False)
    if held_out:
        return plain.write(rng, rng.choice(plain_tasks.HELD_MAKERS)(rng, True), True)
    rates, makers = zip(*plain_tasks.MAKERS)
    return plain.write(rng, rng.choices(makers, rates)[0](rng, False))


def own_trace(rng: random.Random) -> Trace:
    names = list(OWN)
    name = rng.choices(names, [OWN[n][0] for n in names])[0]
    return OWN[name][1](rng)


class Mixture:
    """Training and development traces: own families, planted shortcuts, GSM8K train, prm800k
    train."""

    def __init__(
        self, data: Path, dev: bool = False, shares: dict[str, float] | None = None
    ) -> None:
        self.gsm8k = gsm8k.Source(data / "gsm8k" / "train.jsonl", dev)
        self.prm800k = prm800k.Source(data / "prm800k_phase1" / "train.tree.jsonl", dev)
        self.shares = shares or {
            "drills": 0.10,
            "own": 0.26,
            "gsm8k": 0.14,
            "shortcut": 0.04,
            "other": 0.01,
            "prm800k": 0.02,
            "plain": 0.56,
            "plain_drill": 0.10,
            "prose": 0.06,
            "gold": 0.10,
        }

    def program(self, rng: random.Random):
        return words.build(rng) if rng.random() < 0.4 else self.gsm8k.program(rng)

    def draw(self, rng: random.Random) -> Trace:
        kind = rng.choices(list(self.shares), list(self.shares.values()))[0]
        if kind == "own":
            return vary(rng, own_trace(rng))
        if kind == "plain":
            return plain_trace(rng)
        if kind == "plain_drill":
            makers = (plain_tasks.direct, plain_tasks.direct, plain_tasks.fraction_sum)
            count = rng.randint(6, 14)
            return plain.drill(rng, [rng.choice(makers)(rng, False) for _ in range(count)])
        if kind == "prose":
            return prose.make(rng, self.program(rng))
        if kind == "gold":
            trace = gold.make(rng, self.gsm8k.problems)
            return framed(rng, trace) if rng.random() < 0.15 else trace
        if kind == "gsm8k":
            trace = self.gsm8k.make(rng)
            return framed(rng, trace) if rng.random() < 0.2 else trace
        if kind == "drills":
            return drills.make(rng, self.gsm8k.sentences)
        if kind == "prm800k":
            return self.prm800k.make(rng)
        if kind == "shortcut":
            return shortcuts.make(rng, self.program(rng), rng.choice(shortcuts.TRAINED))
        return shortcuts.other_question(rng, self.program(rng), write(rng, self.program(rng), 0.0))

    def stream(self, seed: int) -> Iterator[Trace]:
        rng = random.Random(seed)
        while True:
            yield self.draw(rng)
