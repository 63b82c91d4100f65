"""Plain traces that are no single sum: small equations, comparisons, yes and no, sums in one chain
of equals signs. The checker of each stands beside it; `finish` plants nothing by itself."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction

from ..asides import closing, opening
from ..trace import Step, Trace
from . import plain_tasks as tasks
from .notation import Notation, draw_notation
from .plain import dressed, other_number, rounded

F = Fraction
COMPARE = {">": lambda a, b: a > b, "<": lambda a, b: a < b, "=": lambda a, b: a == b}
FINALS_X = ("{x} = {v}", "{x} = {v}.", "So {x} = {v}.", "{x}={v}", "The answer is {v}.", "{v}")


class Said:
    """Steps with the verdict of a checker on each; the mark of a wrong one stands at its end."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.steps = rng, []
        self.front, self.back = rng.random() < 0.4, rng.random() < 0.2

    def add(self, text: str, valid: bool) -> None:
        front = opening(self.rng) if self.front and self.rng.random() < 0.6 else ""
        end = len(front) + len(text)
        text = front + text + (closing(self.rng) if self.back else "")
        self.steps.append(Step(text, valid, None if valid else end))


def finish(said: Said, question: str, template: str, error: str, outcome: bool) -> Trace:
    trace = Trace(question, said.steps, "plain", template, error if error else "")
    if trace.first_error() < 0:
        trace.error = ""
    trace.outcome = outcome
    return dressed(said.rng, trace)


def linear_text(a: Fraction, x: str, b: Fraction, c: Fraction, nota: Notation) -> str:
    """a x + b = c in a notation."""
    side = x if a == 1 else f"-{x}" if a == -1 else nota.num(a) + ("*" if nota.tight else "") + x
    if nota.tight and nota.times != "*":
        side = side.replace("*", "")
    if b:
        side = nota.join(side, "+" if b > 0 else "-", nota.num(abs(b)))
    return nota.join(side, "=", nota.num(c))


def linear(rng: random.Random, held_out: bool) -> Trace:
    """a x + b = c. A line p x + q = r is right when the root of the question solves it."""
    x = rng.choice("xxxxynabtz")
    root = F(rng.choice((rng.randint(1, 12), rng.randint(1, 40), -rng.randint(1, 12))))
    a, b = (
        F(rng.choice((1, 1, 2, 3, 4, 5, 7, 10))),
        F(rng.choice((0, 1, 1, 1)) * rng.randint(-20, 20)),
    )
    if a == 1 and b == 0:
        b = F(5)
    c = a * root + b
    nota = draw_notation(rng)
    nota = Notation(**{**vars(nota), "spelled": False, "commas": False})
    asks = (
        "Solve {e}.",
        "{e}",
        "Find {x}: {e}",
        "What is {x} if {e}?",
        "solve for {x}: {e}",
        "{e}, {x}=?",
    )
    if held_out:
        asks = ("Which {x} fulfils {e}?", "{e}. {x}?")
    question = tasks.turned(rng, rng.choice(asks).format(e=linear_text(a, x, b, c, nota), x=x))
    mine = draw_notation(rng)
    mine = Notation(**{**vars(mine), "spelled": False, "commas": False})
    said = Said(rng)
    lines = [(a, b, c)] if rng.random() < 0.15 else []
    shape = rng.random()
    if b and a != 1 and shape < 0.75:
        lines.append((a, F(0), c - b))
    lines.append((F(1), F(0), root))
    bad = rng.randrange(len(lines)) if rng.random() < 0.5 else -1
    shift = F(0)
    for i, (p, q, r) in enumerate(lines):
        if i == bad:
            wrong = (
                c + b if q == 0 and p == a and b and rng.random() < 0.3 else other_number(rng, r)
            )
            shift, r = (wrong - r) / p, wrong
        else:
            r = r + shift * p
        if r.denominator > 1000:
            break
        valid = p * root + q == r
        text = linear_text(p, x, q, r, mine)
        if i == len(lines) - 1:
            form = rng.choice(FINALS_X)
            text = form.format(x=x, v=mine.num(r)) if rng.random() < 0.6 else text
            if rng.random() < 0.25 and a == 1 and b:
                left = mine.sum("-" if b > 0 else "+", (c, abs(b)))
                text = mine.join(f"{x} = {left}", "=", mine.num(r))
        elif rng.random() < 0.4 and p == a and q == 0 and b:
            word = f"{'Subtract' if b > 0 else 'Add'} {mine.num(abs(b))}"
            text = rng.choice((f"{word}: {text}", f"{word} on both sides, {text}", text))
        said.add(text, valid)
    found = shift == 0
    if rng.random() < 0.3 and shift.denominator < 1000:
        value = root + shift
        left = mine.join(mine.sum("*", (a, value)) if a != 1 else mine.num(value), "+", mine.num(b))
        if b >= 0:
            # the check is a true sum when its two sides agree, whatever was found before
            said.add(f"Check: {left} = {mine.num(c)}", a * value + b == c)
    return finish(said, question, "plain_linear", "slip" if bad >= 0 else "", found)


def value_of(rng: random.Random) -> tuple[str, tuple[Fraction, ...], Fraction]:
    while True:
        op, args = tasks.single(rng)
        value = tasks.calculate(op, args)
        if value == rounded(value) and op in "+-*/^":
            return op, args, value


def compare(rng: random.Random, held_out: bool) -> Trace:
    """Two values, which is more. A line is right when the relation that it states is true."""
    nota, mine = draw_notation(rng), draw_notation(rng)
    sides = []
    for _ in range(2):
        if rng.random() < 0.45:
            op, args, value = value_of(rng)
            sides.append((nota.sum(op, args), mine.sum(op, args), value))
        else:
            v = rng.choice(
                (tasks.whole(rng), tasks.decimal(rng), F(rng.randint(1, 9), rng.randint(2, 9)))
            )
            sides.append((nota.num(v), mine.num(v), v))
    (q0, t0, v0), (q1, t1, v1) = sides
    forms = (
        "Which is larger, {a} or {b}?",
        "Is {a} more than {b}?",
        "Compare {a} and {b}.",
        "{a} or {b}: what is bigger?",
        "{a} ? {b}",
        "Is {a} > {b}?",
    )
    form = rng.choice(("Rank {a} against {b}.",) if held_out else forms)
    question = tasks.turned(rng, form.format(a=q0, b=q1))
    said, wrong = Said(rng), rng.random() < 0.5
    stated = [v0, v1]
    rows = [i for i, (_, t, v) in enumerate(sides) if t != mine.num(v)]
    rows = rows if rng.random() < 0.7 else []
    bad = rng.randrange(len(rows) + 1) if wrong else -1
    for at, i in enumerate(rows):
        value = other_number(rng, sides[i][2]) if at == bad else sides[i][2]
        stated[i] = value
        said.add(mine.equation(sides[i][1], mine.num(value)), value == sides[i][2])
    true = next(s for s in "><=" if COMPARE[s](*stated))
    sign = rng.choice([s for s in "><=" if s != true]) if bad == len(rows) else true
    valid = COMPARE[sign](v0, v1)
    left, right = (t0, t1) if rng.random() < 0.4 else (mine.num(stated[0]), mine.num(stated[1]))
    shows = left == t0 and stated != [v0, v1]  # then the relation is about the true values
    words = {">": "is more than", "<": "is less than", "=": "is the same as"}
    kind = rng.random()
    if form.startswith("Is ") and kind < 0.5:
        said.add(
            ("Yes" if sign == ">" else "No") + rng.choice(("", ".")), (sign == ">") == (v0 > v1)
        )
        valid = (sign == ">") == (v0 > v1)
    elif kind < 0.6 or shows:
        valid = (
            COMPARE[sign](v0, v1) if left == t0 else COMPARE[sign](*stated) and stated == [v0, v1]
        )
        said.add(mine.join(left, sign, right) + rng.choice(("", ".")), valid)
    else:
        valid = COMPARE[sign](*stated) and stated == [v0, v1]
        said.add(f"{left} {words[sign]} {right}" + rng.choice(("", ".")), valid)
    return finish(said, question, "plain_compare", "conclusion" if wrong else "", valid)


def prime(n: int) -> bool:
    return n > 1 and all(n % d for d in range(2, int(n**0.5) + 1))


YES_NO: tuple[tuple[str, Callable[[int, int], bool]], ...] = (
    ("Is {n} even?", lambda n, k: n % 2 == 0),
    ("Is {n} odd?", lambda n, k: n % 2 == 1),
    ("Is {n} a prime number?", lambda n, k: prime(n)),
    ("Can {n} be divided by {k}?", lambda n, k: n % k == 0),
    ("Is {n} a multiple of {k}?", lambda n, k: n % k == 0),
    ("Is {n} greater than {k}?", lambda n, k: n > k),
    ("Is {n} smaller than {k}?", lambda n, k: n < k),
)


def yes_no(rng: random.Random, held_out: bool) -> Trace:
    """A property of a number, answered in a word."""
    form, rule = rng.choice(YES_NO)
    n, k = rng.randint(2, 60), rng.randint(2, 9)
    if "greater" in form or "smaller" in form:
        k = rng.randint(2, 60)
    right = rule(n, k)
    claimed = right if rng.random() < 0.5 else not right
    said = Said(rng)
    question = tasks.turned(rng, form.format(n=n, k=k))
    if ("divided" in form or "multiple" in form) and rng.random() < 0.5:
        rest = n % k if rng.random() < 0.7 else rng.randrange(k)
        said.add(f"{n} = {k}*{n // k} + {rest}", rest == n % k)
        claimed = (rest == 0) if rng.random() < 0.6 else claimed
    word = "Yes" if claimed else "No"
    forms = ("{w}", "{w}.", "{l}", "The answer is {l}.", "{w}, it {is_}.", "So {l}.")
    text = rng.choice(forms).format(w=word, l=word.lower(), is_="is" if claimed else "is not")
    if "divided" in form:
        text = text.replace("it is not", "it cannot").replace("it is", "it can")
    before = all(s.valid for s in said.steps)
    said.add(text, claimed == right)
    return finish(said, question, "plain_yes_no", "conclusion", claimed == right and before)


def verify(rng: random.Random, held_out: bool) -> Trace:
    """A sum in the question that may be false, and a verdict on it."""
    op, args, value = value_of(rng)
    nota, mine = draw_notation(rng), draw_notation(rng)
    asked = value if rng.random() < 0.5 else other_number(rng, value)
    forms = ("Is {e} right?", "Is it true that {e}?", "{e}?", "Check: {e}", "My sum: {e}. Correct?")
    form = rng.choice(("Somebody wrote {e}.",) if held_out else forms)
    question = tasks.turned(rng, form.format(e=nota.equation(nota.sum(op, args), nota.num(asked))))
    said, stated = Said(rng), value
    if rng.random() < 0.75:
        stated = value if rng.random() < 0.65 else rng.choice((asked, other_number(rng, value)))
        said.add(mine.equation(mine.sum(op, args), mine.num(stated)), stated == value)
    claimed = (stated == asked) if rng.random() < 0.75 else rng.random() < 0.5
    words = (
        ("Yes", "That is right.", "Correct.", "It is true."),
        ("No", "That is wrong.", "Not correct.", "It is false."),
    )
    if rng.random() < 0.8 or not said.steps:
        said.add(rng.choice(words[0] if claimed else words[1]), claimed == (asked == value))
    right = all(s.valid for s in said.steps)
    return finish(said, question, "plain_verify", "conclusion", right)


def chain(rng: random.Random, held_out: bool) -> Trace:
    """12*13 = 12*10 + 12*3 = 120 + 36 = 156 in one step: right when every side has one value."""
    nota, mine = draw_notation(rng), draw_notation(rng)
    mine = Notation(**{**vars(mine), "equals": "=", "spelled": False})
    a, tens, ones = F(rng.randint(2, 30)), F(10 * rng.randint(1, 5)), F(rng.randint(1, 9))
    value = a * (tens + ones)
    question = tasks.ask(rng, nota.sum("*", (a, tens + ones)), held_out)
    parts, bad = [a * tens, a * ones], rng.randrange(3) if rng.random() < 0.5 else -1
    if bad in (0, 1):
        parts[bad] = other_number(rng, parts[bad])
    total = sum(parts, F(0))
    if bad == 2:
        total = other_number(rng, total)
    texts = [mine.sum("*", (a, tens + ones))]
    if rng.random() < 0.7:
        texts.append(mine.join(mine.sum("*", (a, tens)), mine.plus, mine.sum("*", (a, ones))))
    texts.append(mine.join(mine.num(parts[0]), mine.plus, mine.num(parts[1])))
    texts.append(mine.num(total))
    joined = texts[0]
    for text in texts[1:]:
        joined = mine.join(joined, "=", text)
    said = Said(rng)
    said.add(
        mine.math(joined) if mine.wrap != "**" else joined,
        parts == [a * tens, a * ones] and total == value,
    )
    if rng.random() < 0.4:
        said.add(
            rng.choice(("The answer is {v}.", "So {v}.", "{v}")).format(v=mine.num(total)),
            total == value,
        )
    return finish(said, question, "plain_chain", "slip", total == value)


MAKERS = ((1.6, linear), (0.9, compare), (0.6, yes_no), (0.7, verify), (0.6, chain))
HELD_MAKERS = (linear, compare, verify, chain)
