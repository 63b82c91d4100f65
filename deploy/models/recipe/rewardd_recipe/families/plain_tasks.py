"""What plain traces are about: direct sums, nested sums, a product taken apart, percentages,
powers, remainders, small stories, conversions, and formulas of physics and chemistry with numbers
put in.

Every maker gives a task whose lines are right by the checker of `plain.py`; wording and notation of
the question are drawn apart from those of the trace.
"""

from __future__ import annotations

import random
from fractions import Fraction

from ..vary import invented
from .notation import draw_notation
from .nouns import FIRST_NAMES, THINGS
from .plain import Line, Ref, Task, calculate

ASKS = (
    "What is {e}?",
    "What is {e}?",
    "What's {e}?",
    "what is {e}",
    "{e}",
    "{e}",
    "{e}?",
    "{e}=?",
    "{e} = ?",
    "{e} =",
    "Compute {e}.",
    "Calculate {e}.",
    "calculate {e}",
    "How much is {e}?",
    "Evaluate {e}.",
    "Find {e}.",
    "Please work out {e}.",
    "Can you tell me what {e} is?",
    "Quick question: {e}?",
    "solve {e}",
    "I need {e}.",
    "Simplify {e}.",
    "Give the value of {e}.",
    "Compute the following: {e}",
    "Question: what does {e} equal?",
)
HELD_ASKS = (
    "Determine {e}.",
    "Tell me {e}, please.",
    "whats {e}",
    "Do the sum {e} for me",
)
FREE = (
    "Check my sum.",
    "Is this right?",
    "Please verify.",
    "Arithmetic.",
    "math",
    "Solve it step by step.",
    "test",
    "hello",
    "Check the calculation.",
    "Compute.",
    "My homework",
    "Problem 3",
    "q",
    "Add them up.",
)
HELD_FREE = ("Sums", "does it work out?", "exercise")
TURNS = (
    "{a}\n\n{b}\n\n{c}",
    "User: {a}\nAssistant: {b}\nUser: {c}",
    "{a}\n{b}\n{c}",
    "system: {s}\n\n{c}",
    "{s}\n\n{c}",
    "{s} {c}",
)
SYSTEMS = (
    "You are a helpful assistant.",
    "Answer briefly.",
    "You are a careful tutor.",
    "Think step by step.",
    "Please reason step by step, and put your final answer within \\boxed{}.",
    "Be short.",
    "You solve sums.",
)
F = Fraction
PRODUCT_MAX = 2500
"""People type products that they can check in their head."""


def whole(rng: random.Random) -> Fraction:
    kind = rng.random()
    if kind < 0.45:
        return F(rng.randint(1, 12))
    if kind < 0.8:
        return F(rng.randint(10, 99))
    if kind < 0.9:
        return F(10 * rng.randint(1, 60))
    return F(rng.randint(100, 999))


def decimal(rng: random.Random) -> Fraction:
    return F(rng.randint(1, 199), rng.choice((10, 10, 100, 2, 4)))


def operand(rng: random.Random) -> Fraction:
    kind = rng.random()
    if kind < 0.82:
        return whole(rng)
    return decimal(rng) if kind < 0.93 else -whole(rng)


def single(rng: random.Random) -> tuple[str, tuple[Fraction, ...]]:
    """One operation with a result that people write out."""
    kind = rng.random()
    if kind < 0.30:
        return "+", tuple(operand(rng) for _ in range(rng.choice((2, 2, 2, 3))))
    if kind < 0.48:
        return "-", (operand(rng), operand(rng))
    if kind < 0.74:
        a, b = operand(rng), F(rng.randint(2, 12)) if rng.random() < 0.7 else whole(rng)
        a = a if abs(a * b) < PRODUCT_MAX else F(rng.randint(2, 12))
        return "*", (a, b) if rng.random() < 0.5 else (b, a)
    if kind < 0.86:
        b = F(rng.randint(2, 12)) if rng.random() < 0.8 else whole(rng)
        return "/", (b * whole(rng) if rng.random() < 0.7 else whole(rng), b)
    if kind < 0.91:
        base, exponent = F(rng.randint(2, 20)), rng.choice((2, 2, 2, 3, 3, 4, 5))
        return "^", (F(rng.randint(2, 4)) if exponent > 3 else base, F(exponent))
    if kind < 0.95:
        return "pct", (F(rng.choice((5, 10, 15, 20, 25, 30, 40, 50, 75, 80))), 4 * whole(rng))
    if kind < 0.98:
        return "mod", (whole(rng) + 5, F(rng.randint(2, 12)))
    return "root", (F(rng.randint(2, 20)) ** 2,)


def ask(rng: random.Random, text: str, held_out: bool) -> str:
    form = rng.choice(HELD_ASKS if held_out else ASKS)
    return turned(rng, form.format(e=text))


def turned(rng: random.Random, question: str) -> str:
    """Sometimes with a system text or an earlier turn in front: neither has to do with the sum."""
    if rng.random() < 0.88:
        return question
    op, args = single(rng)
    nota = draw_notation(rng)
    before = ASKS[rng.randrange(len(ASKS))].format(e=nota.sum(op, args))
    reply = rng.choice(("It is {v}.", "{v}", "The answer is {v}.", "That is {v}, of course."))
    said = reply.format(v=nota.num(calculate(op, args)))
    return rng.choice(TURNS).format(a=before, b=said, c=question, s=rng.choice(SYSTEMS))


def direct(rng: random.Random, held_out: bool) -> Task:
    op, args = single(rng)
    nota = draw_notation(rng)
    return Task(ask(rng, nota.sum(op, args), held_out), [Line(op, args)], "direct")


def free(rng: random.Random, held_out: bool) -> Task:
    """A question that says nothing: every line stands on its own arithmetic."""
    lines = [Line(*single(rng)) for _ in range(rng.choice((1, 1, 2, 2, 3, 4)))]
    question = rng.choice(HELD_FREE if held_out else FREE)
    return Task(question, lines, "free", direct=False, bound=False)


def fraction_sum(rng: random.Random, held_out: bool) -> Task:
    args = tuple(F(rng.randint(1, 7), rng.choice((2, 3, 4, 5, 6, 8))) for _ in range(2))
    op = rng.choice("+-*")
    text = draw_notation(rng).sum(op, args)
    return Task(ask(rng, text, held_out), [Line(op, args)], "fractions")


def nested(rng: random.Random, held_out: bool) -> Task:
    """a + b * c and its like: two or three lines."""
    a, b, c = (F(rng.randint(2, 20)) for _ in range(3))
    nota = draw_notation(rng)
    one, two = nota.sum, nota.join
    kind = rng.randrange(5)
    if kind == 0:
        text, first, second = two(nota.num(a), nota.plus, one("*", (b, c))), ("*", (b, c)), ("+", a)
    elif kind == 1:
        text = two(one("*", (a, b)), nota.minus, nota.num(c))
        return Task(
            ask(rng, text, held_out),
            [Line("*", (a, b)), Line("-", (Ref(0), c))],
            "nested",
            direct=False,
        )
    elif kind == 2:
        text = two(f"({one('+', (a, b))})", nota.times, nota.num(c))
        first, second = ("+", (a, b)), ("*", c)
    elif kind == 3:
        text = two(one("*", (a, b)), nota.plus, nota.num(c))
        first, second = ("*", (a, b)), ("+", c)
    else:
        d = F(rng.randint(2, 12))
        text = two(one("*", (a, b)), nota.plus, one("*", (c, d)))
        lines = [Line("*", (a, b)), Line("*", (c, d)), Line("+", (Ref(0), Ref(1)))]
        return Task(ask(rng, text, held_out), lines, "nested", direct=False)
    order = (second[1], Ref(0)) if rng.random() < 0.5 else (Ref(0), second[1])
    lines = [Line(*first), Line(second[0], order)]
    return Task(ask(rng, text, held_out), lines, "nested", direct=False)


def apart(rng: random.Random, held_out: bool) -> Task:
    """12 * 13 as 12 * 10 and 12 * 3, 47 + 38 as 47 + 30 and 77 + 8."""
    nota = draw_notation(rng)
    a = F(rng.randint(2, 40))
    tens, ones = F(10 * rng.randint(1, 5)), F(rng.randint(1, 9))
    if rng.random() < 0.6:
        text = nota.sum("*", (a, tens + ones))
        lines = [Line("*", (a, tens)), Line("*", (a, ones)), Line("+", (Ref(0), Ref(1)))]
    else:
        op = rng.choice("+-")
        a = a + 60
        text = nota.sum(op, (a, tens + ones))
        lines = [Line(op, (a, tens)), Line(op, (Ref(0), ones))]
    return Task(ask(rng, text, held_out), lines, "apart", direct=False)


def checked(rng: random.Random, held_out: bool) -> Task:
    """A sum and the reverse operation that proves it."""
    a, b = whole(rng), F(rng.randint(2, 30))
    op, back = rng.choice((("+", "-"), ("*", "/"), ("-", "+")))
    text = draw_notation(rng).sum(op, (a, b))
    lines = [Line(op, (a, b)), Line(back, (Ref(0), b))]
    task = Task(ask(rng, text, held_out), lines, "checked", direct=False)
    task.lines[1].name = "the check"
    return task


CONVERSIONS = (
    ("km", "m", F(1000)),
    ("m", "cm", F(100)),
    ("kg", "g", F(1000)),
    ("hours", "minutes", F(60)),
    ("minutes", "seconds", F(60)),
    ("dollars", "cents", F(100)),
    ("weeks", "days", F(7)),
    ("dozen", "eggs", F(12)),
    ("liters", "ml", F(1000)),
    ("years", "months", F(12)),
    ("days", "hours", F(24)),
)


def conversion(rng: random.Random, held_out: bool) -> Task:
    big, small, factor = rng.choice(CONVERSIONS)
    n = rng.choice((F(rng.randint(1, 40)), F(rng.randint(1, 60)) / 2, F(rng.randint(1, 40)) / 4))
    if rng.random() < 0.6:
        form = rng.choice(
            ("How many {s} are {n} {b}?", "{n} {b} in {s}", "Convert {n} {b} to {s}.")
        )
        line = Line("*", (n, factor), small)
    else:
        big, small = small, big
        form = rng.choice(
            ("How many {s} are {n} {b}?", "{n} {b} in {s}?", "Turn {n} {b} into {s}.")
        )
        n = n * factor
        line = Line("/", (n, factor), small)
    question = form.format(n=draw_notation(rng).num(n), b=big, s=small)
    return Task(turned(rng, question), [line], "conversion")


STORIES = (
    ("+", "{p} has {a} {t} and gets {b} more. How many {t} does {p} have?"),
    ("+", "There are {a} red {t} and {b} blue {t}. How many {t} in all?"),
    ("+", "{p} reads {a} pages today and {b} pages tomorrow. How many pages is that?"),
    ("+", "A shirt is ${a} and a cap is ${b}. What do both cost?"),
    ("-", "{p} has {a} {t} and gives away {b}. How many are left?"),
    ("-", "From {a} {t}, {b} are broken. How many still work?"),
    ("-", "{p} had ${a} and spent ${b}. How much money is left?"),
    ("-", "It was {a} degrees and is now {b} degrees lower. How warm is it?"),
    ("*", "A box holds {a} {t}. How many {t} are in {b} boxes?"),
    ("*", "{p} buys {a} {t} at ${b} each. What does {p} pay?"),
    ("*", "There are {a} rows with {b} {t} each. How many {t}?"),
    ("*", "A car drives {a} km in an hour. How far does it get in {b} hours?"),
    ("*", "{p} runs {a} laps a day for {b} days. How many laps?"),
    ("/", "{a} {t} are shared by {b} children. How many does each get?"),
    ("/", "{p} puts {a} {t} into {b} equal bags. How many in one bag?"),
    ("/", "{b} tickets cost ${a}. What does one cost?"),
    ("pct", "{a}% of the {b} {t} are old. How many {t} are old?"),
    ("pct", "A price of ${b} falls by {a}%. By how much does it fall?"),
)
HELD_STORIES = (
    ("+", "{p} planted {a} {t} in spring, then {b} in autumn. Count them all."),
    ("-", "Out of {a} guests {b} went home. Who stayed?"),
    ("*", "Each of {b} friends brings {a} {t}. How many {t} arrive?"),
    ("/", "{p} cuts a rope of {a} m into {b} equal parts. How long is a part?"),
)
NAMES = (
    "",
    "",
    "the total",
    "the result",
    "the number of {t}",
    "the amount",
    "what {p} has",
    "this value",
)


def story(rng: random.Random, held_out: bool) -> Task:
    op, form = rng.choice(HELD_STORIES if held_out else STORIES)
    a, b = F(rng.randint(2, 99)), F(rng.randint(2, 30))
    if op == "-":
        a, b = max(a, b) + 1, min(a, b)
    if op == "/":
        a = a * b
    if op == "pct":
        a, b = F(rng.choice((5, 10, 20, 25, 30, 50, 75))), 20 * b
    person = rng.choice(FIRST_NAMES)
    thing = rng.choice(THINGS) if rng.random() < 0.7 else invented(rng) + "s"
    fill = lambda text: text.format(a=a, b=b, p=person, t=thing)
    money = "$" in form
    line = Line(op, (a, b), "$" if money else thing if "{t}" in form else "")
    line.name = fill(rng.choice(NAMES))
    return Task(turned(rng, fill(form)), [line], "story")


TWO = (
    ("{p} buys {a} {t} at ${b} each and pays with ${c}. What is the change?", "*", "rest"),
    (
        "{p} packs {a} boxes with {b} {t} each and has {c} {t} over. How many {t} are there?",
        "*",
        "+",
    ),
    ("A hall has {a} rows of {b} seats, and {c} people come. How many seats are free?", "*", "-"),
    ("{p} earns ${a} a day for {b} days and spends ${c}. How much is left?", "*", "-"),
    ("{p} has {a} {t}, finds {b} and loses {c}. How many {t} now?", "+", "-"),
)


def story_two(rng: random.Random, held_out: bool) -> Task:
    form, first, second = rng.choice(TWO)
    a, b = F(rng.randint(5, 30)), F(rng.randint(2, 12))
    middle = calculate(first, (a, b))
    c = F(rng.randint(1, int(middle) - 1)) if second == "-" else F(rng.randint(1, 60))
    if second == "rest":
        c = middle + rng.randint(1, 40)
    person, thing = rng.choice(FIRST_NAMES), rng.choice(THINGS)
    unit = "$" if "$" in form else thing if "{t}" in form else ""
    last = ("-", (c, Ref(0))) if second == "rest" else (second, (Ref(0), c))
    lines = [Line(first, (a, b), unit), Line(*last, unit)]
    question = form.format(a=a, b=b, c=c, p=person, t=thing)
    return Task(turned(rng, question), lines, "story_two", direct=False)


# (what is asked, symbol, formula with the operands in order, operation, (name, symbol, unit) each,
# unit of the result)
FORMULAS = (
    ("force", "F", "m {x} a", "*", (("mass", "m", "kg"), ("acceleration", "a", "m/s^2")), "N"),
    ("speed", "v", "d / t", "/", (("distance", "d", "m"), ("time", "t", "s")), "m/s"),
    ("distance", "d", "v {x} t", "*", (("speed", "v", "m/s"), ("time", "t", "s")), "m"),
    ("voltage", "V", "I {x} R", "*", (("current", "I", "A"), ("resistance", "R", "ohm")), "V"),
    ("current", "I", "V / R", "/", (("voltage", "V", "V"), ("resistance", "R", "ohm")), "A"),
    ("power", "P", "V {x} I", "*", (("voltage", "V", "V"), ("current", "I", "A")), "W"),
    ("energy", "E", "P {x} t", "*", (("power", "P", "W"), ("time", "t", "s")), "J"),
    ("work", "W", "F {x} d", "*", (("force", "F", "N"), ("distance", "d", "m")), "J"),
    ("density", "rho", "m / V", "/", (("mass", "m", "g"), ("volume", "V", "cm^3")), "g/cm^3"),
    ("pressure", "p", "F / A", "/", (("force", "F", "N"), ("area", "A", "m^2")), "Pa"),
    ("momentum", "p", "m {x} v", "*", (("mass", "m", "kg"), ("speed", "v", "m/s")), "kg m/s"),
    ("acceleration", "a", "F / m", "/", (("force", "F", "N"), ("mass", "m", "kg")), "m/s^2"),
    ("amount", "n", "m / M", "/", (("mass", "m", "g"), ("molar mass", "M", "g/mol")), "mol"),
    ("concentration", "c", "n / V", "/", (("amount", "n", "mol"), ("volume", "V", "L")), "mol/L"),
    ("mass", "m", "n {x} M", "*", (("amount", "n", "mol"), ("molar mass", "M", "g/mol")), "g"),
    ("amount", "n", "c {x} V", "*", (("concentration", "c", "mol/L"), ("volume", "V", "L")), "mol"),
    ("mass", "m", "rho {x} V", "*", (("density", "rho", "g/mL"), ("volume", "V", "mL")), "g"),
    ("wavelength", "λ", "v / f", "/", (("wave speed", "v", "m/s"), ("frequency", "f", "Hz")), "m"),
    ("area", "A", "a {x} b", "*", (("length", "a", "cm"), ("width", "b", "cm")), "cm^2"),
)
HELD_FORMULAS = (
    ("charge", "Q", "I {x} t", "*", (("current", "I", "A"), ("time", "t", "s")), "C"),
    ("molar mass", "M", "m / n", "/", (("mass", "m", "g"), ("amount", "n", "mol")), "g/mol"),
    ("resistance", "R", "V / I", "/", (("voltage", "V", "V"), ("current", "I", "A")), "ohm"),
)
SCIENCE = (
    "The {n0} is {a} {u0} and the {n1} is {b} {u1}. What is the {w}?",
    "Find the {w} when {s0} = {a} {u0} and {s1} = {b} {u1}.",
    "A body has {n0} {a} {u0} and {n1} {b} {u1}. Calculate its {w}.",
    "Given {n0} {a} {u0}, {n1} {b} {u1}: {w}?",
    "Compute {s} for {s0} = {a} {u0}, {s1} = {b} {u1}.",
)


def science(rng: random.Random, held_out: bool) -> Task:
    """A formula, the numbers put in, the result with its unit."""
    what, symbol, formula, op, given, unit = rng.choice(HELD_FORMULAS if held_out else FORMULAS)
    a = rng.choice((F(rng.randint(2, 90)), F(rng.randint(1, 99), 10), F(10 * rng.randint(2, 60))))
    b = rng.choice((F(rng.randint(2, 30)), F(rng.randint(2, 60), 10)))
    if op == "/" and rng.random() < 0.7:
        a = a * b
    ((n0, s0, u0), (n1, s1, u1)) = given
    nota = draw_notation(rng)
    question = rng.choice(SCIENCE).format(
        n0=n0, n1=n1, s0=s0, s1=s1, u0=u0, u1=u1, a=nota.num(a), b=nota.num(b), w=what, s=symbol
    )
    line = Line(op, (a, b), unit)
    shown = formula.format(x=rng.choice(("*", "×", "", "\\cdot"))).replace("  ", " ")
    start = rng.random()
    if start < 0.35:
        line.before = f"{symbol} = {shown}"
    elif start < 0.7:
        line.before = symbol
    else:
        line.name = f"the {what}"
    facts = [(f"{s0} = {{}} {u0}", a), (f"{s1} = {{}} {u1}", b)]
    if rng.random() < 0.3:
        facts = [(f"the {n0} is {{}} {u0}", a), (f"the {n1} is {{}} {u1}", b)]
    task = Task(turned(rng, question), [line], "science", direct=False, facts=facts)
    task.unit = unit
    return task


MAKERS = (
    (3.4, direct),
    (1.4, free),
    (0.4, fraction_sum),
    (1.6, nested),
    (1.0, apart),
    (0.5, checked),
    (0.6, conversion),
    (1.6, story),
    (0.8, story_two),
    (1.8, science),
)
HELD_MAKERS = (direct, free, nested, story, science)
