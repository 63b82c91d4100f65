"""Surface forms: how one person, or one language model, writes equations, openings and conclusions.

A style is drawn per trace and never looks at the labels.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction
from typing import Callable

from .expr import Tree, number, render

LEADS = {
    "plain": [""],
    "ordinal": [
        "First, ",
        "Second, ",
        "Third, ",
        "Fourth, ",
        "Fifth, ",
        "Sixth, ",
        "Seventh, ",
        "Eighth, ",
    ],
    "then": ["First, ", "Next, ", "Then, ", "After that, ", "Now, ", "Next, ", "Then, ", "Now, "],
    "step": [
        "Step 1: ",
        "Step 2: ",
        "Step 3: ",
        "Step 4: ",
        "Step 5: ",
        "Step 6: ",
        "Step 7: ",
        "Step 8: ",
    ],
    "bold": [
        "**Step 1:** ",
        "**Step 2:** ",
        "**Step 3:** ",
        "**Step 4:** ",
        "**Step 5:** ",
        "**Step 6:** ",
        "**Step 7:** ",
        "**Step 8:** ",
    ],
    "head": [
        "### Step 1\n",
        "### Step 2\n",
        "### Step 3\n",
        "### Step 4\n",
        "### Step 5\n",
        "### Step 6\n",
        "### Step 7\n",
        "### Step 8\n",
    ],
    "find": [
        "To start, ",
        "We then see that ",
        "From this, ",
        "Next, we know that ",
        "This means that ",
        "As a result, ",
        "We can see that ",
        "Finally, ",
    ],
    "list": ["1. ", "2. ", "3. ", "4. ", "5. ", "6. ", "7. ", "8. "],
    "so": ["", "So ", "", "Now ", "So, ", "Then ", "", "Next, "],
}
BODIES = [
    "{lead}{desc} is {eq}.",
    "{lead}calculate {desc}: {eq}.",
    "{lead}we need to find {desc}. {Desc} is {eq}.",
    "{lead}let's find {desc}. {eq}.",
    "{lead}we calculate {desc}: {eq}.",
    "{lead}{desc} = {eq}.",
    "{lead}{eq}, so {desc} is {val}.",
    "{lead}to find {desc}, we compute {eq}.",
    "{lead}{desc} can be found as follows: {eq}. So {desc} is {val}.",
    "**{Desc}**: {eq}.",
    "{lead}let's calculate {desc}. {Desc} = {eq}.",
    "{lead}{desc}:\n{eq}",
    "- {Desc}: {eq}.",
    "{lead}the next thing we need is {desc}. We have {eq}. Thus, {desc} is {val}.",
    "{lead}we determine {desc}. {Desc} = {eq}. Therefore, {desc} is {val}.",
]
BARE = [
    "{lead}{eq}.",
    "{lead}{eq}",
    "{lead}we get {eq}.",
    "{lead}compute {eq}.",
    "{lead}this gives {eq}.",
]
ENDS = [
    "The answer is {val}.",
    "So the answer is {val}.",
    "Therefore, the answer is \\boxed{{{num}}}.",
    "Therefore, {desc} is \\(\\boxed{{{num}}}\\).",
    "So, {desc} is {val}.",
    "Thus, {desc} is {val}. The answer is \\(\\boxed{{{num}}}\\).",
    "Hence {desc} is \\boxed{{{val}}}.",
    "#### {num}",
    "Final answer: {val}",
    "In conclusion, {desc} is {val}. The final answer is {val}.",
]
INTROS = [
    "To find {desc}, we need to break down the problem into smaller steps.",
    "To determine {desc}, let's go step by step.",
    "Let's solve this step by step.",
    "Let's break it down.",
    "We need to find {desc}.",
    "To solve this problem, we first list what we know.",
    "Let's start by reading the problem carefully.",
    "To solve this problem, we need to follow these steps:",
    "Let's analyze the situation step by step.",
]


@dataclass
class Style:
    """Choices that stay the same through a trace."""

    times: str
    divide: str
    wrap: str
    lead: str
    commas: bool
    cents: bool
    units: bool
    bodies: list[str]
    end: str
    intro: bool
    answer_in_last: bool

    def num(self, value: Fraction, money: bool = False) -> str:
        return number(value, self.commas, self.cents and money)

    def val(self, value: Fraction, unit: str) -> str:
        """A number with its unit: "$12", "12 apples", "12%"."""
        if unit == "$":
            return (
                "\\$" if self.wrap in ("paren", "bracket", "dollar") and self.commas else "$"
            ) + self.num(value, True)
        if unit == "%":
            return self.num(value) + "%"
        return f"{self.num(value)} {unit}" if unit else self.num(value)

    def math(self, text: str) -> str:
        if self.wrap == "paren":
            return f"\\({text}\\)"
        if self.wrap == "bracket":
            return f"\\[ {text} \\]"
        if self.wrap == "dollar":
            return f"${text}$"
        return text

    def equation(self, tree: Tree, show: Callable[[Tree], str], result: str) -> tuple[str, int]:
        """Text of `tree = result`, and the offset just after the result inside it."""
        left = render(tree, show, self.times, self.divide)
        core = f"{left} = {result}"
        text = self.math(core)
        return text, text.rindex(core) + len(core)

    def lead_at(self, index: int) -> str:
        leads = LEADS[self.lead]
        return leads[index % len(leads)]


def draw_style(rng: random.Random) -> Style:
    latex = rng.random() < 0.35
    wrap = rng.choice(["paren", "paren", "bracket", "dollar"]) if latex else "none"
    return Style(
        times=rng.choice(["\\times", "\\times", "\\cdot"])
        if latex
        else rng.choice(["*", "*", "x", "×"]),
        divide=rng.choice(["frac", "\\div", "/"]) if latex else rng.choice(["/", "/", "÷"]),
        wrap=wrap,
        lead=rng.choice(
            [
                "plain",
                "plain",
                "ordinal",
                "then",
                "then",
                "step",
                "list",
                "so",
                "so",
                "bold",
                "head",
                "find",
            ]
        ),
        commas=rng.random() < 0.5,
        cents=rng.random() < 0.15,
        units=rng.random() < 0.45,
        bodies=rng.sample(BODIES, 2),
        end=rng.choice(ENDS),
        intro=rng.random() < 0.35,
        answer_in_last=rng.random() < 0.3,
    )


def capital(text: str) -> str:
    for i, ch in enumerate(text):
        if ch.isdigit() and text[i + 1 : i + 3] != ". ":
            return text
        if ch.isalpha():
            return text[:i] + ch.upper() + text[i + 1 :]
    return text
