"""Word problems put together from relations: "more than", "times as many", "in each box", "gives
away", "per cent of them".

Templates repeat; here a problem is a drawn sequence of relations, each in one of several wordings,
about people, things and places from long lists. Nothing of a sentence says whether a step about it
will be right.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from fractions import Fraction

from .. import expr
from ..program import Program, Quantity, write
from ..trace import Trace
from .nouns import FIRST_NAMES, PLACES, THINGS


@dataclass
class Story:
    """What has been told: sentences, quantities, and the quantities that a later relation may build
    on."""

    rng: random.Random
    thing: str
    people: list[str]
    told: list[str] = field(default_factory=list)
    given: expr.Env = field(default_factory=dict)
    quantities: list[Quantity] = field(default_factory=list)
    values: expr.Env = field(default_factory=dict)
    owners: list[tuple[str, str]] = field(
        default_factory=list
    )  # (person, key) of counts of `thing`

    def tell(self, value: int, sentence: str, unit: str, **words: str) -> str:
        """Adds a given number. The sentence contains {v} where the number stands."""
        key = f"g{len(self.given)}"
        self.given[key] = self.values[key] = Fraction(value)
        text = sentence.format(v=value, t=self.thing, **words)
        fact = sentence.replace("{v} " + unit, "{val}") if unit else ""
        fact = fact.replace("{v} {t}", "{val}").replace("${v}", "{val}").replace("{v}%", "{val}")
        fact = fact.replace("{val}", "\x01")
        fact = fact.format(v="\x02", t=self.thing, **words).replace("\x01", "{val}")
        self.told.append(text)
        self.quantities.append(
            Quantity(
                key,
                None,
                unit or self.thing,
                "",
                fact if "{val}" in fact and "\x02" not in fact else "",
            )
        )
        return key

    def derive(
        self, tree: expr.Tree, unit: str, desc: str, sentences: list[str] = (), **words: str
    ) -> str:
        """Adds a derived quantity; half of the time it has a sentence of its own instead of the
        style's."""
        key = f"n{len(self.quantities)}"
        self.values[key] = expr.evaluate(tree, self.values)
        sentence = ""
        if sentences and self.rng.random() < 0.5:
            sentence = (
                self.rng.choice(list(sentences))
                .replace("{eq}", "\x01")
                .format(t=self.thing, **words)
                .replace("\x01", "{eq}")
            )
        self.quantities.append(
            Quantity(key, tree, unit, desc.format(t=self.thing, **words), sentence)
        )
        return key


def _small(rng: random.Random) -> int:
    return rng.choice(
        (rng.randint(2, 12), rng.randint(2, 20), rng.randint(10, 60), 5 * rng.randint(2, 20))
    )


def _start(s: Story) -> str:
    person = s.people.pop()
    key = s.tell(
        _small(s.rng) + 3,
        s.rng.choice(
            (
                "{p} has {v} {t}.",
                "{p} collected {v} {t}.",
                "{p} starts the day with {v} {t}.",
                "{p} owns {v} {t}.",
                "There are {v} {t} on the desk of {p}.",
                "{p} counted {v} {t}.",
                "In {p}'s bag there are {v} {t}.",
            )
        ),
        "",
        p=person,
    )
    s.owners.append((person, key))
    return key


def _compare(s: Story) -> None:
    """Another person has more, fewer, several times as many."""
    rng = s.rng
    who, base = rng.choice(s.owners)
    person = s.people.pop()
    value = int(s.values[base])
    kind = rng.choice(("more", "fewer", "times", "half"))
    desc = rng.choice(("the number of {t} {p} has", "{p}'s {t}", "how many {t} {p} has"))
    told = ["{p} has {eq} {t}.", "{p} has {eq}.", "So {p} has {eq} {t}."]
    if kind == "more" or (kind == "fewer" and value < 4) or (kind == "half" and value % 2):
        k = s.tell(
            _small(rng),
            rng.choice(
                (
                    "{p} has {v} more {t} than {w}.",
                    "{p} has {v} more than {w}.",
                    "Compared to {w}, {p} has {v} extra {t}.",
                )
            ),
            "",
            p=person,
            w=who,
        )
        key = s.derive(("+", base, k), s.thing, desc, told, p=person)
    elif kind == "fewer":
        k = s.tell(
            rng.randint(1, value - 1),
            rng.choice(("{p} has {v} fewer {t} than {w}.", "{p} has {v} less than {w}.")),
            "",
            p=person,
            w=who,
        )
        key = s.derive(("-", base, k), s.thing, desc, told, p=person)
    elif kind == "times":
        k = s.tell(
            rng.randint(2, 6),
            rng.choice(
                (
                    "{p} has {v} times as many {t} as {w}.",
                    "{p} has {v} times the number of {t} that {w} has.",
                )
            ),
            "times",
            p=person,
            w=who,
        )
        key = s.derive(rng.choice((("*", base, k), ("*", k, base))), s.thing, desc, told, p=person)
    else:
        s.told.append(
            rng.choice(
                ("{p} has half as many {t} as {w}.", "{p} has half of what {w} has.")
            ).format(p=person, t=s.thing, w=who)
        )
        key = s.derive(("/", base, Fraction(2)), s.thing, desc, told, p=person)
    s.owners.append((person, key))


def _event(s: Story) -> None:
    """Someone gets or loses some."""
    rng = s.rng
    spot = rng.randrange(len(s.owners))
    who, base = s.owners[spot]
    value = int(s.values[base])
    if value > 3 and rng.random() < 0.55:
        k = s.tell(
            rng.randint(1, value - 1),
            rng.choice(
                (
                    "{p} gives away {v} {t}.",
                    "{p} loses {v} of them.",
                    "{p} then sells {v} {t}.",
                    "{p} uses {v} {t}.",
                    "A friend borrows {v} {t} from {p}.",
                    "{v} {t} of {p} break.",
                )
            ),
            "",
            p=who,
        )
        key = s.derive(
            ("-", base, k),
            s.thing,
            rng.choice(("the number of {t} {p} has left", "the {t} that remain")),
            ["{p} has {eq} {t} left.", "That leaves {eq} {t}.", "There are {eq} left."],
            p=who,
        )
    else:
        k = s.tell(
            _small(rng),
            rng.choice(
                (
                    "{p} buys {v} more {t}.",
                    "{p} finds another {v} {t}.",
                    "{p} gets {v} {t} as a gift.",
                    "Later {p} receives {v} more.",
                    "{p}'s mother brings {v} {t}.",
                )
            ),
            "",
            p=who,
        )
        key = s.derive(
            ("+", base, k),
            s.thing,
            rng.choice(("the number of {t} {p} has now", "{p}'s new number of {t}")),
            ["{p} now has {eq} {t}.", "After that {p} has {eq}.", "Now there are {eq} {t}."],
            p=who,
        )
    s.owners[spot] = (who, key)


def _together(s: Story) -> tuple[str, str] | None:
    if len(s.owners) < 2:
        return None
    keys = [k for _, k in s.owners]
    tree: expr.Tree = keys[0]
    for k in keys[1:]:
        tree = ("+", tree, k)
    key = s.derive(
        tree,
        s.thing,
        s.rng.choice(("the total number of {t}", "the number of {t} in all")),
        ["Together they have {eq} {t}.", "In total there are {eq} {t}."],
    )
    return key, s.rng.choice(
        (
            "How many {t} do they have together?",
            "How many {t} are there in total?",
            "What is the total number of {t}?",
        )
    )


def _difference(s: Story) -> tuple[str, str] | None:
    if len(s.owners) < 2:
        return None
    (p, a), (w, b) = s.rng.sample(s.owners, 2)
    if s.values[a] <= s.values[b]:
        (p, a), (w, b) = (w, b), (p, a)
    if s.values[a] <= s.values[b]:
        return None
    key = s.derive(
        ("-", a, b),
        s.thing,
        "the difference",
        ["The difference is {eq} {t}.", "{p} has {eq} more."],
        p=p,
    )
    return key, f"How many more {s.thing} does {p} have than {w}?"


def _price(s: Story) -> tuple[str, str]:
    who, base = s.owners[-1]
    k = s.tell(
        s.rng.randint(2, 15),
        s.rng.choice(
            (
                "Each of the {t} costs ${v}.",
                "The {t} cost ${v} each.",
                "One can sell the {t} for ${v} apiece.",
                "Every one of the {t} is worth ${v}.",
            )
        ),
        "$",
    )
    key = s.derive(
        s.rng.choice((("*", base, k), ("*", k, base))),
        "$",
        s.rng.choice(("the value of the {t} of {p}", "the cost", "the money for the {t}")),
        ["{p}'s {t} are worth {eq}.", "That is {eq} in money.", "They cost {eq}."],
        p=who,
    )
    return key, s.rng.choice(
        ("How much are the {t} of {p} worth?", "How much money is that for {p}'s {t}?")
    ).format(t=s.thing, p=who)


def _boxes(s: Story) -> tuple[str, str] | None:
    who, base = s.owners[-1]
    value = int(s.values[base])
    sizes = [d for d in range(2, 13) if value % d == 0 and value > d]
    if not sizes:
        return None
    k = s.tell(
        s.rng.choice(sizes),
        s.rng.choice(
            (
                "{p} puts {v} {t} into each box.",
                "{p} packs the {t} in bags of {v}.",
                "Each page of {p}'s album holds {v} {t}.",
                "{p} shares the {t} equally among {v} children.",
            )
        ),
        "",
        p=who,
    )
    key = s.derive(
        ("/", base, k),
        "",
        s.rng.choice(
            ("the result of the division", "the number we look for", "the number of equal parts")
        ),
        ["That makes {eq}.", "Dividing gives {eq}."],
    )
    return key, s.rng.choice(("How many is that?", "What number does that give?"))


def _per_cent(s: Story) -> tuple[str, str] | None:
    who, base = s.owners[-1]
    value = int(s.values[base])
    rates = [p for p in range(5, 100, 5) if value * p % 100 == 0]
    if not rates:
        return None
    kind = s.rng.choice(("red", "old", "broken", "wet", "heavy", "new"))
    k = s.tell(
        s.rng.choice(rates),
        s.rng.choice(("{v}% of the {t} of {p} are {k}.", "Of {p}'s {t}, {v}% are {k}.")),
        "%",
        p=who,
        k=kind,
    )
    key = s.derive(
        ("/", ("*", base, k), Fraction(100)),
        s.thing,
        f"the number of {kind} {{t}}",
        [f"There are {{eq}} {kind} {{t}}."],
    )
    if s.rng.random() < 0.5:
        return key, f"How many of the {s.thing} of {who} are {kind}?"
    rest = s.derive(
        ("-", base, key),
        s.thing,
        f"the number of {{t}} that are not {kind}",
        [f"{{eq}} {{t}} are not {kind}."],
    )
    return rest, f"How many of the {s.thing} of {who} are not {kind}?"


def _weekly(s: Story) -> tuple[str, str]:
    """A rate over days or weeks, then maybe an amount on top."""
    rng = s.rng
    person = s.people.pop()
    act, unit = rng.choice(
        (
            ("reads", "pages"),
            ("runs", "miles"),
            ("earns", "$"),
            ("saves", "$"),
            ("bakes", "loaves"),
            ("drinks", "cups"),
            ("paints", "chairs"),
            ("walks", "minutes"),
        )
    )
    amount = "${v}" if unit == "$" else "{v} " + unit
    a = s.tell(
        rng.randint(2, 40),
        "{p} {act} " + amount + rng.choice((" a day.", " every day.", " each day.", " per day.")),
        unit,
        p=person,
        act=act,
    )
    b = s.tell(
        rng.randint(2, 14),
        rng.choice(
            (
                "{p} does this for {v} days.",
                "This goes on for {v} days.",
                "{p} keeps it up for {v} days.",
            )
        ),
        "days",
        p=person,
    )
    key = s.derive(
        rng.choice((("*", a, b), ("*", b, a))),
        unit,
        f"what {{p}} {act} in all",
        ["{p} {act} {eq} in that time.", "That makes {eq}."],
        p=person,
        act=act,
    )
    if rng.random() < 0.6:
        c = s.tell(
            _small(rng),
            rng.choice(
                (
                    "On the day after, {p} {act} another " + amount + ".",
                    "Before that, {p} had already done " + amount + ".",
                )
            ),
            unit,
            p=person,
            act=act,
        )
        key = s.derive(
            ("+", key, c), unit, "the total", ["In total it is {eq}.", "Altogether that is {eq}."]
        )
    noun = "How much money" if unit == "$" else f"How many {unit}"
    return key, rng.choice((f"{noun} is that altogether?", f"{noun} is it in total?"))


def build(rng: random.Random) -> Program | None:
    s = Story(rng, rng.choice(THINGS), rng.sample(FIRST_NAMES, 5))
    if rng.random() < 0.12:
        s.told.append(rng.choice(PLACES))
    if rng.random() < 0.22:
        end = _weekly(s)
    else:
        _start(s)
        for _ in range(rng.choice((0, 1, 1, 2))):
            rng.choice((_compare, _compare, _event))(s)
        end = rng.choice((_together, _together, _difference, _price, _boxes, _per_cent))(s)
        if end is None and s.owners[-1][1].startswith("n"):
            person, key = s.owners[-1]
            end = key, f"How many {s.thing} does {person} have now?"
    if end is None:
        return None
    target, ask = end
    question = " ".join(s.told + [ask.format(t=s.thing)])
    program = Program(question, s.given, s.quantities, target, "relations", "relations", ask)
    used = {k for q in program.derived() for k in expr.refs(q.tree)}
    needed = used | {target}
    whole = all(v.denominator == 1 and v > 0 for v in program.truth.values())
    return (
        program
        if whole and program.nice() and all(q.key in needed for q in program.derived())
        else None
    )


def make(rng: random.Random, held_out: bool = False) -> Trace:
    program = None
    while program is None:
        program = build(rng)
    return write(rng, program)
