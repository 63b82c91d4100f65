"""How a person types a sum: signs or words, with or without spaces, bare or in LaTeX.

A notation is drawn for a question and, apart from it, for a trace; neither draw sees a label.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction

from .. import expr

WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty"
).split()
TIGHT_WRAPS = ("", "", "", "", "", "", "", "$", "(", "`", "**")


@dataclass(frozen=True)
class Notation:
    plus: str
    minus: str
    times: str
    divide: str
    power: str
    equals: str
    tight: bool
    wrap: str
    commas: bool
    spelled: bool

    def num(self, value: Fraction) -> str:
        if value < 0:
            return "-" + self.num(-value)
        if self.spelled and value.denominator == 1 and value < len(WORDS):
            return WORDS[int(value)]
        return expr.number(value, self.commas)

    def join(self, left: str, sign: str, right: str) -> str:
        """Two sides of a sign. A word has spaces around it whatever the style."""
        word = (sign.isalpha() and len(sign) > 1) or " " in sign or sign.startswith("\\")
        gap = "" if self.tight and not word else " "
        return left + gap + sign + gap + right

    def equation(self, left: str, right: str, about: bool = False) -> str:
        sign = self.equals
        if about and sign in ("=", "is"):
            sign = "≈" if sign == "=" else "is about"
        return self.join(left, sign, right)

    def math(self, text: str) -> str:
        """The wrap goes around signs only: a sentence in code marks is rare."""
        if not self.wrap or any(w in text for w in (" plus ", " times ", " minus ", " is ")):
            return text
        ends = {"$": ("$", "$"), "(": ("\\(", "\\)"), "`": ("`", "`"), "**": ("**", "**")}
        return ends[self.wrap][0] + text + ends[self.wrap][1]

    def sum(self, op: str, args: tuple[Fraction, ...]) -> str:
        """The text of one operation. A negative number after a sign has brackets."""
        shown = [self.num(v) for v in args]
        if op in "+-*/":
            shown[1:] = [f"({s})" if v < 0 else s for s, v in zip(shown[1:], args[1:])]
            if op == "/" and self.divide == "\\frac" and len(args) == 2:
                return f"\\frac{{{self.num(args[0])}}}{{{self.num(args[1])}}}"
            divide = "/" if self.divide == "\\frac" else self.divide
            sign = {"+": self.plus, "-": self.minus, "*": self.times, "/": divide}[op]
            # a fraction beside a division sign would read otherwise
            shown = [
                f"({s})" if "/" in s and (op in "/*" and v.denominator > 1) else s
                for s, v in zip(shown, args)
            ]
            out = shown[0]
            for s in shown[1:]:
                out = self.join(out, sign, s)
            return out
        base = f"({shown[0]})" if op == "^" and (args[0] < 0 or "/" in shown[0]) else shown[0]
        if op == "^":
            return self.raised(base, args[1])
        if op == "mod":
            return f"{shown[0]} {'%' if self.tight else 'mod'} {shown[1]}"
        if op == "pct":
            return f"{shown[0]}{' percent' if self.spelled else '%'} of {shown[1]}"
        if op == "root":
            return f"\\sqrt{{{shown[0]}}}" if self.wrap in ("$", "(") else f"sqrt({shown[0]})"
        raise ValueError(op)

    def raised(self, base: str, exponent: Fraction) -> str:
        if self.power == "word":
            named = {2: "squared", 3: "cubed"}.get(int(exponent))
            return f"{base} {named}" if named else f"{base} to the power of {exponent}"
        if self.power == "²" and exponent in (2, 3):
            return base + {2: "²", 3: "³"}[int(exponent)]
        if self.power == "{" and self.wrap in ("$", "("):
            return f"{base}^{{{exponent}}}"
        return f"{base}{'**' if self.power == '**' else '^'}{exponent}"


def draw_notation(rng: random.Random, held_out: bool = False) -> Notation:
    """`held_out`: signs in combinations that training does not draw (a word for the operation with
    a sign for equality, and the reverse)."""
    words = rng.random() < 0.22
    latex = not words and rng.random() < 0.22
    equals = rng.choice(("is", "is", "equals", "makes", "=")) if words else "="
    if not words and rng.random() < 0.15:
        equals = rng.choice(("is", "equals", "->", ":", "gives"))
    if held_out:
        words, latex = rng.random() < 0.5, False
        equals = "=" if words else rng.choice(("is equal to", "comes to"))
    return Notation(
        plus="plus" if words else "+",
        minus="minus" if words else rng.choice(("-", "-", "-", "-", "−")),
        times=rng.choice(("times", "times", "multiplied by"))
        if words
        else rng.choice(("\\times", "\\cdot"))
        if latex
        else rng.choice(("*", "*", "*", "×", "x", "·")),
        divide="divided by"
        if words
        else rng.choice(("\\frac", "\\div", "/"))
        if latex
        else rng.choice(("/", "/", "÷", ":"))
        if rng.random() < 0.5
        else "/",
        power="word" if words else rng.choice(("^", "^", "²", "**", "{")),
        equals=equals,
        tight=not words and rng.random() < 0.5,
        wrap=rng.choice(("$", "(", "")) if latex else "" if words else rng.choice(TIGHT_WRAPS),
        commas=rng.random() < 0.25,
        spelled=words and rng.random() < 0.4,
    )
