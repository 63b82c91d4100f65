"""Word problems in grade-school phrasing: rates, units, percentages, money, comparisons, ages.

A template is a line of facts, an asked quantity and the derivations. Templates marked `held_out`
are never trained on.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from fractions import Fraction

from .. import expr
from ..program import Program, Quantity, write
from ..trace import Trace
from .nouns import FIRST_NAMES, THINGS

NAMES = (
    "Anna Ben Carla David Emma Frank Grace Henry Iris Jack Kara Liam Mona Noah Olga Paul "
    "Rosa Sam Tina Victor Wendy "
    "Maria Tom Lucy Peter Nina Omar Julia Eric Dana Mark Sofia Leo"
).split()
ITEMS = (
    "apples pencils books cookies marbles stickers cards oranges pens toys flowers eggs "
    "cupcakes notebooks candles "
    "bottles shirts balloons muffins stamps shells coins"
).split()
KINDS = "red blue green yellow white black small large".split()
PLACES = "a shop|a farm|a bakery|a school|a library|a market|a factory".split("|")


@dataclass
class Template:
    name: str
    facts: list[str]
    ask: str
    nodes: list[tuple[str, str, str, str]]
    ranges: dict[str, tuple[int, int]]
    units: dict[str, str] = field(default_factory=dict)
    held_out: bool = False


def T(
    name: str,
    facts: str,
    ask: str,
    nodes: str,
    ranges: str,
    units: str = "",
    held_out: bool = False,
) -> Template:
    """Compact notation. facts: sentences split by '|' with {a} for values. nodes: 'key = expr :
    unit : description' split by '|'. ranges: 'a 2 12, b 3 9'. units: 'a $, b apples'."""
    node_list = []
    for line in nodes.split("|"):
        head, unit, desc = (part.strip() for part in line.split(":", 2))
        key, tree = (part.strip() for part in head.split("=", 1))
        node_list.append((key, tree, unit, desc))
    spans = {r.split()[0]: (int(r.split()[1]), int(r.split()[2])) for r in ranges.split(",")}
    unit_map = dict((u.strip().split(" ", 1) for u in units.split(",")) if units else [])
    return Template(
        name, [f.strip() for f in facts.split("|")], ask, node_list, spans, unit_map, held_out
    )


TEMPLATES = [
    T(
        "two_purchases",
        "{N} buys {a} {I} at {b} each.|{He} also buys {c} {J} at {d} each.",
        "How much does {N} spend in total?",
        "x = a*b : $ : the cost of the {I}|y = c*d : $ : the cost of the {J}|t = x+y : $ : "
        "the total cost",
        "a 2 12, b 2 12, c 2 12, d 2 15",
        "b $, d $, a {I}, c {J}",
    ),
    T(
        "change",
        "{N} has {a}.|{He} buys {b} {I} that cost {c} each.",
        "How much money does {N} have left?",
        "x = b*c : $ : the cost of the {I}|t = a-x : $ : the money left",
        "a 60 200, b 2 8, c 2 7",
        "a $, c $, b {I}",
    ),
    T(
        "twice_as_many",
        "{N} has {a} {I}.|{M} has {k} times as many {I} as {N}.",
        "How many {I} do they have together?",
        "x = a*k : {I} : the number of {I} {M} has|t = a+x : {I} : the total number of {I}",
        "a 3 60, k 2 5",
        "a {I}",
    ),
    T(
        "half_as_many",
        "On Monday {N} sold {a} {I}.|On Tuesday {he} sold half as many.",
        "How many {I} did {N} sell altogether?",
        "x = a/2 : {I} : the number of {I} sold on Tuesday|t = a+x : {I} : the total "
        "number of {I} sold",
        "a 4 90",
        "a {I}",
    ),
    T(
        "more_than",
        "{N} has {a} {I}.|{M} has {b} more {I} than {N}.|{O} has {c} fewer {I} than {M}.",
        "How many {I} does {O} have?",
        "x = a+b : {I} : the number of {I} {M} has|t = x-c : {I} : the number of {I} {O} has",
        "a 10 90, b 3 40, c 2 12",
        "a {I}, b {I}, c {I}",
    ),
    T(
        "three_together",
        "{N} has {a} {I}.|{M} has {b} more {I} than {N}.|{O} has {k} times as many {I} as {N}.",
        "How many {I} do the three have in total?",
        "x = a+b : {I} : the number of {I} {M} has|y = a*k : {I} : the number of {I} {O} "
        "has|t = a+x+y : {I} : the total number of {I}",
        "a 4 40, b 3 30, k 2 4",
        "a {I}, b {I}",
    ),
    T(
        "boxes",
        "There are {a} boxes with {b} {I} in each box.|{N} gives away {c} {I}.",
        "How many {I} are left?",
        "x = a*b : {I} : the total number of {I}|t = x-c : {I} : the number of {I} left",
        "a 3 12, b 4 15, c 2 12",
        "a boxes, b {I}, c {I}",
    ),
    T(
        "share_equally",
        "{N} has {a} {I} and buys {b} more {I}.|{He} shares all of them equally among {c} friends.",
        "How many {I} does each friend get?",
        "x = a+b : {I} : the total number of {I}|t = x/c : {I} : the number of {I} for each friend",
        "a 5 60, b 4 40, c 2 9",
        "a {I}, b {I}, c friends",
    ),
    T(
        "hourly_pay",
        "{N} earns {a} per hour.|{He} works {b} hours a day for {c} days.",
        "How much does {N} earn?",
        "x = b*c : hours : the total number of hours|t = x*a : $ : the total pay",
        "a 8 25, b 2 9, c 2 7",
        "a $, b hours, c days",
    ),
    T(
        "pay_and_bonus",
        "{N} works {b} hours and earns {a} an hour.|{He} also gets a bonus of {c}.",
        "What is the total pay of {N}?",
        "x = a*b : $ : the pay without the bonus|t = x+c : $ : the total pay",
        "a 8 25, b 3 12, c 5 60",
        "a $, b hours, c $",
    ),
    T(
        "discount",
        "A jacket costs {a}.|The shop gives a discount of {p}.",
        "What is the price after the discount?",
        "x = a*p/100 : $ : the discount|t = a-x : $ : the price after the discount",
        "a 20 200, p 5 50",
        "a $, p %",
    ),
    T(
        "percent_of",
        "{P} has {a} {I}.|{p} of the {I} are {K}.",
        "How many {I} are not {K}?",
        "x = a*p/100 : {I} : the number of {K} {I}|t = a-x : {I} : the number of {I} that "
        "are not {K}",
        "a 20 400, p 5 80",
        "a {I}, p %",
    ),
    T(
        "tax",
        "A dinner costs {a}.|There is a tip of {p}.|Parking costs {b} more.",
        "How much is paid in total?",
        "x = a*p/100 : $ : the tip|y = a+x : $ : the cost with the tip|t = y+b : $ : the "
        "total amount",
        "a 20 150, p 5 30, b 3 20",
        "a $, p %, b $",
    ),
    T(
        "distance",
        "A car drives {a} miles per hour for {b} hours.|Then it drives {c} miles per hour "
        "for {d} hours.",
        "How far does the car travel?",
        "x = a*b : miles : the first distance|y = c*d : miles : the second distance|t = "
        "x+y : miles : the total distance",
        "a 20 70, b 2 6, c 20 70, d 2 6",
        "a miles per hour, b hours, c miles per hour, d hours",
    ),
    T(
        "time_needed",
        "A printer makes {a} pages per minute.|{N} has to print {b} books of {c} pages.",
        "How many minutes does it take?",
        "x = b*c : pages : the total number of pages|t = x/a : minutes : the time needed",
        "a 2 12, b 2 12, c 10 60",
        "a pages, b books, c pages",
    ),
    T(
        "saving",
        "{N} saves {a} every week for {b} weeks.|{He} then spends {c} on a gift.",
        "How much money is left?",
        "x = a*b : $ : the money saved|t = x-c : $ : the money left",
        "a 5 40, b 3 12, c 5 15",
        "a $, b weeks, c $",
    ),
    T(
        "need_more",
        "{N} wants a bike that costs {a}.|{He} has {b} and earns {c} for each of {d} jobs.",
        "How much more money does {N} need?",
        "x = c*d : $ : the money from the jobs|y = b+x : $ : the money {N} has in all|t = "
        "a-y : $ : the money still needed",
        "a 150 400, b 10 60, c 3 12, d 2 7",
        "a $, b $, c $, d jobs",
    ),
    T(
        "rows",
        "A hall has {a} rows of {b} seats.|{c} seats are broken and {d} people sit down.",
        "How many good seats are free?",
        "x = a*b : seats : the number of seats|y = x-c : seats : the number of good seats|"
        "t = y-d : seats : the number of free seats",
        "a 5 15, b 6 15, c 2 12, d 5 15",
        "a rows, b seats, c seats, d people",
    ),
    T(
        "ages",
        "{N} is {a} years old.|{M} is {k} times as old as {N}.|{O} is {b} years younger than {M}.",
        "How old is {O}?",
        "x = a*k : years : the age of {M}|t = x-b : years : the age of {O}",
        "a 6 20, k 2 4, b 2 9",
        "a years, b years",
    ),
    T(
        "ages_later",
        "{N} is {a} years old.|{M} is {b} years older than {N}.",
        "What will be the sum of their ages in {c} years?",
        "x = a+b : years : the age of {M} now|y = a+c : years : the age of {N} in {c} "
        "years|z = x+c : years : the age of {M} in {c} years|"
        "t = y+z : years : the sum of their ages",
        "a 5 40, b 2 20, c 2 15",
        "a years, b years, c years",
    ),
    T(
        "dozen",
        "{N} buys {a} dozen eggs.|{He} uses {b} eggs a day for {c} days.",
        "How many eggs are left?",
        "x = a*12 : eggs : the number of eggs bought|y = b*c : eggs : the number of eggs "
        "used|t = x-y : eggs : the number of eggs left",
        "a 3 9, b 2 5, c 2 7",
        "a dozen, b eggs, c days",
    ),
    T(
        "weeks",
        "{N} runs {a} miles every day.|{M} runs {b} miles a day but only {c} days a week.",
        "How many miles do they run together in a week?",
        "x = a*7 : miles : the miles {N} runs in a week|y = b*c : miles : the miles {M} "
        "runs in a week|t = x+y : miles : the total miles",
        "a 2 12, b 2 12, c 2 6",
        "a miles, b miles, c days",
    ),
    T(
        "year",
        "{N} reads {a} pages a day for {b} days and {c} pages a day for {d} days.",
        "How many pages does {N} read?",
        "x = a*b : pages : the pages read first|y = c*d : pages : the pages read later|t = "
        "x+y : pages : the pages read in total",
        "a 5 40, b 2 9, c 5 40, d 2 9",
        "a pages, b days, c pages, d days",
    ),
    T(
        "remaining_fraction",
        "A book has {a} pages.|{N} reads {b} pages on Monday and twice as many on Tuesday.",
        "How many pages are left?",
        "x = b*2 : pages : the pages read on Tuesday|y = b+x : pages : the pages read so "
        "far|t = a-y : pages : the pages left",
        "a 120 400, b 10 38",
        "a pages, b pages",
    ),
    T(
        "third_of",
        "{N} has {a} {I}.|{He} gives a third of them to {M} and {b} {I} to {O}.",
        "How many {I} does {N} keep?",
        "x = a/3 : {I} : the number of {I} given to {M}|y = a-x : {I} : the number of {I} "
        "after that|t = y-b : {I} : the number of {I} {N} keeps",
        "a 30 150, b 2 18",
        "a {I}, b {I}",
    ),
    T(
        "profit",
        "{N} buys {a} {I} for {b} each.|{He} sells each of them for {c}.",
        "What profit does {N} make?",
        "x = c-b : $ : the profit on one item|t = x*a : $ : the total profit",
        "a 4 40, b 2 9, c 10 25",
        "a {I}, b $, c $",
    ),
    T(
        "rent",
        "A bus costs {a} to rent.|{b} people share the cost and each also pays {c} for food.",
        "How much does each person pay?",
        "x = a/b : $ : the share of the bus|t = x+c : $ : the cost for each person",
        "a 60 300, b 4 12, c 3 20",
        "a $, b people, c $",
    ),
    T(
        "tank",
        "A tank holds {a} liters.|It is filled at {b} liters per minute, and {c} liters "
        "leak out each minute.",
        "How many minutes does it take to fill the tank?",
        "x = b-c : liters : the liters gained each minute|t = a/x : minutes : the time to "
        "fill the tank",
        "a 40 300, b 6 20, c 1 5",
        "a liters, b liters, c liters",
    ),
    T(
        "minutes",
        "{N} practices {a} hours on each of {b} days.",
        "How many minutes does {N} practice?",
        "x = a*b : hours : the hours of practice|t = x*60 : minutes : the minutes of practice",
        "a 1 6, b 2 9",
        "a hours, b days",
    ),
    T(
        "class_groups",
        "A school has {a} classes of {b} students.|{c} students are absent.|The rest form "
        "teams of {d}.",
        "How many teams are there?",
        "x = a*b : students : the number of students|y = x-c : students : the number of "
        "students present|t = y/d : teams : the number of teams",
        "a 3 9, b 12 30, c 2 12, d 2 9",
        "a classes, b students, c students, d students",
    ),
    T(
        "candles",
        "A candle is {a} centimeters tall and burns {b} centimeters an hour.|It burns for "
        "{c} hours.",
        "How tall is the candle now?",
        "x = b*c : centimeters : the part that burned|t = a-x : centimeters : the height "
        "of the candle",
        "a 20 60, b 1 4, c 2 5",
        "a centimeters, b centimeters, c hours",
    ),
    T(
        "increase",
        "A town had {a} people.|The number grew by {p}.|Then {b} people moved away.",
        "How many people live there now?",
        "x = a*p/100 : people : the increase|y = a+x : people : the number of people after "
        "the growth|t = y-b : people : the number of people now",
        "a 40 900, p 5 60, b 4 40",
        "a people, p %, b people",
    ),
    T(
        "ticket_types",
        "Adult tickets cost {a} and child tickets cost {b}.|A family buys {c} adult "
        "tickets and {d} child tickets and pays with {e}.",
        "How much change do they get?",
        "x = a*c : $ : the cost of the adult tickets|y = b*d : $ : the cost of the child "
        "tickets|z = x+y : $ : the total cost|t = e-z : $ : the change",
        "a 6 15, b 2 9, c 2 4, d 2 5, e 110 200",
        "a $, b $, c tickets, d tickets, e $",
    ),
    T(
        "average",
        "{N} scored {a}, {b} and {c} points in three games.",
        "What is the average score of {N}?",
        "x = a+b+c : points : the total points|t = x/3 : points : the average score",
        "a 5 60, b 5 60, c 5 60",
        "a points, b points, c points",
    ),
    # Held out: never trained on.
    T(
        "fence",
        "A garden is {a} meters long and {b} meters wide.|A fence costs {c} per meter.",
        "How much does a fence around the garden cost?",
        "x = 2*(a+b) : meters : the perimeter of the garden|t = x*c : $ : the cost of the fence",
        "a 5 30, b 4 20, c 2 9",
        "a meters, b meters, c $",
        True,
    ),
    T(
        "recipe_scale",
        "A recipe for {a} people needs {b} cups of flour.|{N} cooks for {c} people.",
        "How many cups of flour does {N} need?",
        "x = b/a : cups : the flour for one person|t = x*c : cups : the flour needed",
        "a 2 8, b 4 24, c 3 20",
        "a people, b cups, c people",
        True,
    ),
    T(
        "loan",
        "{N} borrows {a} and pays {p} interest on it.|{He} has already paid back {b}.",
        "How much does {N} still owe?",
        "x = a*p/100 : $ : the interest|y = a+x : $ : the total debt|t = y-b : $ : the "
        "money still owed",
        "a 100 600, p 5 30, b 10 90",
        "a $, p %, b $",
        True,
    ),
    T(
        "two_trains",
        "One train has {a} cars with {b} seats each.|Another train has {c} fewer cars but "
        "the same number of seats in each car.",
        "How many seats do both trains have?",
        "x = a-c : cars : the number of cars of the second train|y = a+x : cars : the "
        "number of cars in all|t = y*b : seats : the total number of seats",
        "a 6 14, b 8 30, c 2 5",
        "a cars, b seats, c cars",
        True,
    ),
    T(
        "garden_yield",
        "{N} plants {a} rows of {b} plants.|{c} plants die and each of the others gives "
        "{d} tomatoes.",
        "How many tomatoes does {N} get?",
        "x = a*b : plants : the number of plants|y = x-c : plants : the number of living "
        "plants|t = y*d : tomatoes : the number of tomatoes",
        "a 3 9, b 4 12, c 1 9, d 2 9",
        "a rows, b plants, c plants, d tomatoes",
        True,
    ),
    T(
        "commute",
        "{N} drives {a} miles to work and {a} miles back on {b} days a week.|The car uses "
        "a gallon for every {c} miles.",
        "How many gallons does {N} use in a week?",
        "x = a*2 : miles : the miles driven in a day|y = x*b : miles : the miles driven in "
        "a week|t = y/c : gallons : the gallons used",
        "a 5 30, b 3 6, c 10 30",
        "a miles, b days, c miles",
        True,
    ),
]


def build(rng: random.Random, held_out: bool = False) -> Program:
    """A program with nice values from a random template of the wanted part."""
    pool = [t for t in TEMPLATES if t.held_out == held_out]
    while True:
        program = instantiate(rng, rng.choice(pool))
        if program is not None:
            return program


def worded(rng: random.Random, t: Template) -> Template:
    """The template with one of the wordings of every sentence that offers several, parted by " //
    "."""
    pick = lambda text: rng.choice(text.split(" // "))
    return replace(
        t,
        facts=[pick(f) for f in t.facts],
        ask=pick(t.ask),
        nodes=[(k, e, u, pick(d)) for k, e, u, d in t.nodes],
    )


def instantiate(rng: random.Random, t: Template, wide: bool = False) -> Program | None:
    """`wide`: names and things from the long lists."""
    t = worded(rng, t)
    names = rng.sample(FIRST_NAMES if wide else NAMES, 3)
    items = rng.sample(THINGS if wide else ITEMS, 2)
    he = rng.choice(["he", "she"])
    words = {
        "N": names[0],
        "M": names[1],
        "O": names[2],
        "I": items[0],
        "J": items[1],
        "K": rng.choice(KINDS),
        "P": rng.choice(PLACES).capitalize(),
        "he": he,
        "He": he.capitalize(),
        "his": {"he": "his", "she": "her"}[he],
        "him": {"he": "him", "she": "her"}[he],
    }
    for _ in range(200):
        given = {k: Fraction(rng.randint(*span)) for k, span in t.ranges.items()}
        if "p" in given:
            given["p"] = Fraction(5 * round(given["p"] / 5))
        numbers = {k: expr.number(v) for k, v in given.items()}
        quantities = _quantities(t, words, numbers)
        question = " ".join(t.facts + [t.ask])
        shown = {k: _with_unit(v, t.units.get(k, ""), words) for k, v in given.items()}
        program = Program(
            question.format(**words, **shown),
            given,
            quantities,
            t.nodes[-1][0],
            "words",
            t.name,
            t.ask.format(**words, **shown),
        )
        whole = all(v.denominator == 1 or _money(program, k) for k, v in program.truth.items())
        if program.nice() and whole and all(program.truth[q.key] > 0 for q in program.derived()):
            return program
    return None


def _money(program: Program, key: str) -> bool:
    return any(q.key == key and q.unit in ("$", "cups", "gallons") for q in program.quantities)


def _with_unit(value: Fraction, unit: str, words: dict) -> str:
    return {"$": "$" + expr.number(value), "%": expr.number(value) + "%"}.get(
        unit, expr.number(value)
    )


def _quantities(t: Template, words: dict, numbers: dict) -> list[Quantity]:
    out = []
    for key in t.ranges:
        fact = next((f for f in t.facts if "{" + key + "}" in f), "")
        unit = t.units.get(key, "").format(**words)
        sentence = ""
        if fact and sum("{" + k + "}" in fact for k in t.ranges) == 1 and unit in ("$", "%", ""):
            sentence = fact.replace("{" + key + "}", "{val}")
        elif fact and sum("{" + k + "}" in fact for k in t.ranges) == 1:
            sentence = fact.replace("{" + key + "} " + t.units.get(key, "?"), "{val}")
            sentence = sentence if "{val}" in sentence else ""
        if sentence:
            sentence = (
                sentence.replace("{val}", "\x01")
                .format(**words, **numbers)
                .replace("\x01", "{val}")
            )
        out.append(Quantity(key, None, unit, "", sentence))
    for key, tree, unit, desc in t.nodes:
        out.append(
            Quantity(key, expr.parse(tree), unit.format(**words), desc.format(**words, **numbers))
        )
    return out


def make(rng: random.Random, held_out: bool = False) -> Trace:
    return write(rng, build(rng, held_out))
