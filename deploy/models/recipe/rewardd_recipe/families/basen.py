"""Addition in base b, column by column. Every column claim is recomputed by the checker."""

from __future__ import annotations

import random

from ..trace import Step, Trace, judged

FORMS = [
    "Column {i}: {x} + {y} + {c} = {t}. Write {w}, carry {k}.",
    "{x} + {y} plus carry {c} gives {t} = {k} * {b} + {w}, so write {w} and carry {k}.",
]


def digits(value: int, base: int) -> list[int]:
    """Least significant first."""
    out = []
    while True:
        value, r = divmod(value, base)
        out.append(r)
        if value == 0:
            return out


def text_of(value_digits: list[int]) -> str:
    return "".join(str(d) for d in reversed(value_digits))


def make(rng: random.Random, held_out: bool = False) -> Trace:
    base = rng.randint(5, 9)
    width = rng.randint(1, 3)
    a, b = (rng.randint(1, base**width - 1) for _ in range(2))
    da, db = digits(a, base), digits(b, base)
    columns = max(len(da), len(db))
    da += [0] * (columns - len(da))
    db += [0] * (columns - len(db))
    bad = rng.randrange(columns + 1) if rng.random() < 0.5 else -1
    question = f"Add {text_of(digits(a, base))} and {text_of(digits(b, base))} in base {base}."
    steps, result, carry, error = [], [], 0, ""
    form = rng.choice(FORMS)
    for i in range(columns):
        x, y, total = da[i], db[i], da[i] + db[i] + carry
        write_digit, next_carry = total % base, total // base
        said = [x, y, carry, total, write_digit, next_carry]
        truth = list(said)
        if i == bad:
            error = _damage(rng, said, base)
        written = [
            form.format(i=i + 1, x=n[0], y=n[1], c=n[2], t=n[3], w=n[4], k=n[5], b=base)
            for n in (said, truth)
        ]
        steps.append(judged(*written))
        result.append(said[4])
        carry = said[5]
    if carry:
        result.append(carry)
    final = list(result)
    if bad == columns:
        spot = rng.randrange(len(final))
        final[spot] = (final[spot] + rng.randint(1, base - 1)) % base
        error = "conclusion"
    right = final == digits(a + b, base) or text_of(final).lstrip("0") == text_of(
        digits(a + b, base)
    )
    text = f"The answer is {text_of(final)}."
    steps.append(
        Step(text, True)
        if right
        else judged(text, f"The answer is {text_of(digits(a + b, base))}.")
    )
    trace = Trace(question, steps, "basen", f"base{base}", error, dense_text=True)
    trace.outcome = right
    return trace


def column(rng: random.Random) -> Step:
    """A drill: one column by itself, its base named, wrong every second time."""
    base, carry = rng.randint(5, 9), rng.randint(0, 1)
    x, y = rng.randrange(base), rng.randrange(base)
    total = x + y + carry
    truth = [x, y, carry, total, total % base, total // base]
    said = list(truth)
    if rng.random() < 0.5:
        spot = rng.choice((3, 4, 4, 5, 5))
        said[spot] = 1 - said[5] if spot == 5 else max(0, said[spot] + rng.choice((-2, -1, 1, 2)))
        said[3:] = [said[3], said[3] % base, said[3] // base] if spot == 3 else said[3:]
    form = rng.choice(FORMS)
    texts = [
        f"In base {base}: "
        + form.format(i=1, x=n[0], y=n[1], c=n[2], t=n[3], w=n[4], k=n[5], b=base)
        for n in (said, truth)
    ]
    return judged(*texts, free=len(f"In base {base}: Column 1: {x} + {y} + "))


def _damage(rng: random.Random, said: list[int], base: int) -> str:
    """Change one number of the column and carry the consequence on."""
    spot = rng.choice([0, 1, 3, 4, 5])
    if spot in (0, 1):
        said[spot] = (said[spot] + rng.randint(1, base - 1)) % base
        total = said[0] + said[1] + said[2]
        said[3:] = [total, total % base, total // base]
        return "copy"
    if spot == 3:
        total = max(0, said[3] + rng.choice([-2, -1, 1, 2]))
        total = said[3] + 1 if total == said[3] else total
        said[3:] = [total, total % base, total // base]
    elif spot == 4:
        said[4] = (said[4] + rng.randint(1, base - 1)) % base
    else:
        said[5] = 1 - said[5] if said[5] in (0, 1) else 0
    return "slip"
