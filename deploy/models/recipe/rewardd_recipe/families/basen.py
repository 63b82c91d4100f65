"""Addition in base b, column by column. Every column claim is recomputed by the checker."""

from __future__ import annotations

import random

from ..trace import Step, Trace


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
    form = rng.choice(["Column {i}: {x} + {y} + {c} = {t}. Write {w}, carry {k}.",
                       "{x} + {y} plus carry {c} gives {t} = {k} * {b} + {w}, so write {w} and carry {k}."])
    for i in range(columns):
        x, y, total = da[i], db[i], da[i] + db[i] + carry
        write_digit, next_carry = total % base, total // base
        said = [x, y, carry, total, write_digit, next_carry]
        truth = list(said)
        if i == bad:
            error = _damage(rng, said, base)
        valid = said == truth
        text = form.format(i=i + 1, x=said[0], y=said[1], c=said[2], t=said[3], w=said[4], k=said[5], b=base)
        steps.append(Step(text, valid, None if valid else len(text)))
        result.append(said[4])
        carry = said[5]
        if not valid:
            da, db = da[:], db[:]
    if carry:
        result.append(carry)
    final = list(result)
    if bad == columns:
        spot = rng.randrange(len(final))
        final[spot] = (final[spot] + rng.randint(1, base - 1)) % base
        error = "conclusion"
    right = final == digits(a + b, base) or text_of(final).lstrip("0") == text_of(digits(a + b, base))
    text = f"The answer is {text_of(final)}."
    steps.append(Step(text, right, None if right else len(text)))
    trace = Trace(question, steps, "basen", f"base{base}", error, dense_text=True)
    trace.outcome = right
    return trace


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
