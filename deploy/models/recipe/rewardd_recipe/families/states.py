"""Stacks (bracket words), object tracking, and fictional-ontology logic: steps are checked by
running the state machine."""

from __future__ import annotations

import random

from ..trace import Step, Trace, judged
from .nouns import COLORS, FIRST_NAMES, SINGULAR, THINGS

PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}
PEOPLE = ["Alice", "Bob", "Claire", "Dave", "Eve"]
HELD_OUT_THINGS = [["drum", "flute", "violin", "horn", "harp"]]
BEINGS = (
    "wumpus jompus zumpus tumpus vumpus yumpus numpus rompus dumpus impus gorpus shumpus "
    "lempus sterpus grimpus"
).split()
TRAITS = "shy happy small bright loud sour red cold fast wooden".split()


def stacks(rng: random.Random, held_out: bool = False) -> Trace:
    word, depth = [], []
    for _ in range(rng.randint(3, 9)):
        if depth and rng.random() < 0.45:
            word.append(PAIRS[depth.pop()])
        else:
            depth.append(rng.choice("([{<"))
            word.append(depth[-1])
    question = "Track the stack for: " + " ".join(word)
    bad = rng.randrange(len(word) + 1) if rng.random() < 0.5 else -1
    stack: list[str] = []
    steps, error = [], ""
    for i, ch in enumerate(word):
        truth = stack[:-1] if ch in PAIRS.values() else stack + [ch]
        said, shown = list(truth), ch
        if i == bad:
            said, shown, error = _damage_stack(rng, stack, truth, ch)
        steps.append(
            judged(
                f"{shown} ; stack: {' '.join(said) or 'empty'}",
                f"{ch} ; stack: {' '.join(truth) or 'empty'}",
            )
        )
        stack = said
        if not steps[-1].valid:
            break
    if not error:
        close = [PAIRS[c] for c in reversed(stack)]
        said = list(close)
        if bad == len(word):
            error = "conclusion"
            said = said[:-1] if said and rng.random() < 0.4 else said + [rng.choice(")]}>")]
        text = f"So the answer is {' '.join(said) or 'nothing'}."
        steps.append(Step(text, said == close, None if said == close else len(text)))
    return _trace(question, steps, "stacks", "dyck", error)


def _damage_stack(
    rng: random.Random, before: list[str], truth: list[str], ch: str
) -> tuple[list[str], str, str]:
    options = [(before, ch, "skip"), (truth + [rng.choice("([{<")], ch, "premise")]
    if truth:
        changed = list(truth)
        spot = rng.randrange(len(truth))
        changed[spot] = rng.choice([c for c in PAIRS if c != truth[spot]])
        options += [(changed, ch, "copy"), (truth[:-1], ch, "slip")]
    options.append((truth, rng.choice([c for c in "([{<)]}>" if c != ch]), "copy"))
    return rng.choice([o for o in options if o[0] != truth or o[1] != ch])


def _things(rng: random.Random, n: int) -> list[str]:
    """Different things, or one kind in different colours."""
    if rng.random() < 0.5:
        return rng.sample(SINGULAR, n)
    if rng.random() < 0.4:
        return rng.sample(THINGS, n)
    kind = rng.choice(SINGULAR)
    return [f"{color} {kind}" for color in rng.sample(COLORS, n)]


def tracking(rng: random.Random, held_out: bool = False) -> Trace:
    n = rng.choice((3, 3, 4))
    people = rng.sample(PEOPLE if rng.random() < 0.5 else FIRST_NAMES, n)
    things = rng.sample(HELD_OUT_THINGS[0], n) if held_out else _things(rng, n)
    owner = dict(zip(people, things))
    swaps = [rng.sample(people, 2) for _ in range(rng.randint(1, 3))]
    asked = rng.choice(people)
    then = rng.choice(("", "", "Then "))
    question = " ".join(
        [", ".join(f"{p} has the {t}" for p, t in owner.items()) + "."]
        + [f"{then}{a} and {b} swap." for a, b in swaps]
        + [f"What does {asked} have?"]
    )
    bad = rng.randrange(len(swaps) + 2) if rng.random() < 0.5 else -1
    form = rng.choice([": {s}.", ", so {s}."])
    steps, error = [], ""
    for i in range(len(swaps) + 1):
        truth = dict(owner)
        head = "At the start"
        if i:
            a, b = swaps[i - 1]
            truth[a], truth[b] = owner[b], owner[a]
            head = f"{a} and {b} swap"
        said = dict(truth)
        if i == bad:
            x, y = rng.sample(people, 2)
            if rng.random() < 0.5:
                said[x], said[y], error = truth[y], truth[x], "operand"
            else:
                said[x], error = truth[y], "contradiction"
        steps.append(judged(*(head + form.format(s=listed(state)) for state in (said, truth))))
        owner = said
        if not steps[-1].valid:
            break
    if not error:
        said = owner[asked]
        if bad == len(swaps) + 1:
            said, error = rng.choice([t for t in things if t != said]), "conclusion"
        steps.append(judged(f"{asked} has the {said}.", f"{asked} has the {owner[asked]}."))
    return _trace(question, steps, "tracking", "held" if held_out else "swap", error)


def listed(owner: dict[str, str]) -> str:
    return ", ".join(f"{p}: {t}" for p, t in owner.items())


def swap_drill(rng: random.Random) -> Step:
    """One swap by itself, wrong every second time: what a longer tracking trace asks again and
    again."""
    n = rng.choice((2, 2, 3, 3, 4))
    people, things = rng.sample(PEOPLE if rng.random() < 0.5 else FIRST_NAMES, n), _things(rng, n)
    before = dict(zip(people, things))
    a, b = rng.sample(people, 2)
    after = dict(before) | {a: before[b], b: before[a]}
    said = dict(after)
    if rng.random() < 0.5:
        x, y = rng.sample(people, 2)
        said[x] = after[y]
        if rng.random() < 0.6:
            said[y] = after[x]
    start = rng.choice(["", "At the start: "]) + listed(before) + f". {a} and {b} swap"
    form = rng.choice([": {s}.", ", so {s}."])
    return judged(
        *(start + form.format(s=listed(state)) for state in (said, after)), free=len(start)
    )


def lookups(rng: random.Random) -> Trace:
    """Rules and lines that cite them, each judged by itself: is the rule there, and in this
    direction?"""
    kinds = rng.sample(BEINGS, rng.randint(5, 9))
    rules = {
        rng.choice(((a, b), (b, a)))
        for a, b in rng.sample([(x, y) for i, x in enumerate(kinds) for y in kinds[:i]], len(kinds))
    }
    question = (
        " ".join(f"Every {a} is a {b}." for a, b in rng.sample(sorted(rules), len(rules)))
        + " Check each line by itself."
    )
    steps = []
    for _ in range(rng.randint(5, 9)):
        a, b = rng.choice(sorted(rules)) if rng.random() < 0.5 else rng.sample(kinds, 2)
        if rng.random() < 0.2:
            a, b = b, a
        text = f"Every {a} is a {b}."
        steps.append(Step(text, (a, b) in rules, None if (a, b) in rules else len(text) - 1))
    trace = _trace(question, steps, "drills", "lookups", "")
    trace.independent, trace.dense_text = True, False
    return trace


def logic(rng: random.Random, held_out: bool = False) -> Trace:
    """A chain of "every A is a B" with distractors; every step cites one rule and draws one
    conclusion."""
    depth = rng.randint(2, 4)
    kinds = rng.sample(BEINGS, depth + 5)
    chain, spare = kinds[: depth + 1], kinds[depth + 1 :]
    trait = rng.choice(TRAITS)
    rules = [(a, b) for a, b in zip(chain, chain[1:])]
    extra = [(rng.choice(chain), spare[0]), (spare[1], rng.choice(chain[1:])), (spare[2], spare[3])]
    name = rng.choice(["Max", "Sally", "Rex", "Alex", "Fae", "Wren"])
    holds = rng.random() < 0.5
    asked = trait if holds else rng.choice([t for t in TRAITS if t != trait])
    lines = [f"Every {a} is a {b}." for a, b in rules + extra] + [f"Every {chain[-1]} is {trait}."]
    rng.shuffle(lines)
    question = " ".join(lines) + f" {name} is a {chain[0]}. Is {name} {trait}?"
    del asked
    bad = rng.randrange(depth + 2) if rng.random() < 0.5 else -1
    steps, error, known = [], "", {chain[0]}
    all_rules = set(rules + extra)
    form = rng.choice(
        [
            "Every {a} is a {b}. So {n} is a {b}.",
            "{n} is a {a}, and every {a} is a {b}, so {n} is a {b}.",
        ]
    )
    for i, (a, b) in enumerate(rules):
        said = (a, b)
        if i == bad:
            said, error = _damage_rule(rng, a, b, kinds, all_rules, known)
        valid = said in all_rules and said[0] in known
        text = form.format(a=said[0], b=said[1], n=name)
        doubt = (
            said[0] if said[0] not in known else f"a {said[1]}"
        )  # the word at which the step is first wrong
        steps.append(Step(text, valid, None if valid else text.index(doubt) + len(doubt)))
        known.add(said[1])
        if not valid:
            break
    if not error:
        last = chain[-1]
        t = rng.choice([x for x in TRAITS if x != trait]) if bad == depth else trait
        error = "premise" if bad == depth else ""
        steps.append(judged(*(f"Every {last} is {x}. So {name} is {x}." for x in (t, trait))))
    if not error:
        yes = bad != depth + 1
        error = "" if yes else "conclusion"
        text = (
            f"So {name} is {trait}. The answer is yes."
            if yes
            else f"So {name} is not {trait}. The answer is no."
        )
        steps.append(Step(text, yes, None if yes else len(text)))
    return _trace(question, steps, "logic", "ontology", error)


def _damage_rule(
    rng: random.Random, a: str, b: str, kinds: list[str], rules: set, known: set
) -> tuple[tuple[str, str], str]:
    options = [
        ((b, a), "operation"),
        ((a, rng.choice(kinds)), "premise"),
        ((rng.choice(kinds), b), "premise"),
        ((rng.choice(kinds), rng.choice(kinds)), "premise"),
    ]
    far = rng.choice(sorted(rules))
    options += [(far, "skip")]
    good = [(r, k) for r, k in options if r[0] != r[1] and not (r in rules and r[0] in known)]
    return rng.choice(good) if good else ((b, a), "operation")


def _trace(question: str, steps: list[Step], family: str, template: str, error: str) -> Trace:
    trace = Trace(question, steps, family, template, error, dense_text=True)
    trace.outcome = None  # cut at the error: no final answer to judge
    return trace
