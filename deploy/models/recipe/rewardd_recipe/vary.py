"""Other words around the same claims: names of things that nobody has seen, and framing that says
nothing.

A model that has seen a template ten thousand times takes wording it does not know for a sign of
error. Here unknown wording stands around right and wrong steps alike. Only nouns are exchanged (the
same everywhere in a trace) and only framing is added: verbs, relations and numbers, which decide
the labels, stay.
"""

from __future__ import annotations

import random
import re
from dataclasses import replace

from .asides import closing, opening
from .families.nouns import COLORS, SINGULAR, THINGS
from .trace import Trace

NOUNS = (
    set(THINGS)
    | set(SINGULAR)
    | set(COLORS)
    | set(
        "pages miles liters meters kilometers people children students tickets points cups "
        "loaves boxes bags rows seats chairs lamps boards shelves "
        "machine truck barrel jacket dinner printer garden school factory market bakery "
        "library shop farm friends teams groups fish grams cans steps "
        "words goals trees trips members guests gifts food film break book books shelf "
        "room coat radio party report pantry barn cellar storeroom "
        "warehouse kiosk drawer crate bus club camp store".split()
    )
)
ONSETS, VOWELS, ENDS = (
    "b br c cl d dr f fl g gr h j k l m n p pl qu r s sh sk sl st t tr v w z".split(),
    "a e i o u ai ea oo ou".split(),
    "b ck d g l m n nd p r rm rn sh st t th x".split(),
)
FRAMES = (
    "Good.",
    "Looking at the numbers,",
    "Here is the next piece:",
    "For this part:",
    "In detail:",
    "Working it out:",
    "That is to say:",
    "Moving on:",
    "Using what we know,",
    "From the statement,",
    "Recall the question.",
    "Keeping this in mind,",
    "On the other hand,",
    "By the same reasoning,",
    "It is given that",
    "Observe that",
    "Notice that",
    "It follows that",
    "We have that",
    "Hence,",
    "Accordingly,",
    "Let me see:",
    "Combining these:",
    "Simplify:",
    "Rewriting,",
    "Plugging in:",
    "As for the rest,",
    "Now the second part.",
    "Let us call this the partial result.",
    "Calculation:",
    "Result:",
    "Value:",
    "Line by line:",
    "Putting it together:",
    "Equivalently,",
    "Carefully:",
    "To be precise,",
    "As before,",
    "In other words:",
)
TAILS = (
    "",
    "",
    "",
    " That settles this part.",
    " (ok)",
    " We keep this number.",
    " Good.",
    " This is what we need next.",
    " Now go on.",
    " ✓",
    " [done]",
)


def invented(rng: random.Random) -> str:
    return "".join(
        rng.choice(ONSETS) + rng.choice(VOWELS) for _ in range(rng.choice((1, 1, 2)))
    ) + rng.choice(ENDS)


def babble(rng: random.Random) -> str:
    """A frame of words that mean nothing here."""
    words = [
        invented(rng) if rng.random() < 0.3 else rng.choice(SINGULAR)
        for _ in range(rng.randint(1, 3))
    ]
    text = " ".join(
        [rng.choice(("the", "a", "our", "with", "for", "")) + " " + w for w in words]
    ).strip()
    return text[0].upper() + text[1:] + rng.choice((":", ",", ".", " -"))


def exchanged(rng: random.Random, trace: Trace) -> Trace:
    """The nouns of a trace under other names."""
    text = trace.question + " " + " ".join(s.text for s in trace.steps)
    found = sorted({w for w in re.findall(r"[A-Za-z]{3,}", text) if w.lower() in NOUNS})
    swap: dict[str, str] = {}
    taken = set(found)
    for word in found:
        if rng.random() < 0.3:
            continue
        new = (
            invented(rng)
            if rng.random() < 0.5
            else rng.choice(THINGS if word.endswith("s") else SINGULAR)
        )
        if new in taken or new in swap.values() or new in text:
            continue
        swap[word] = new.capitalize() if word[0].isupper() else new
    if not swap:
        return trace
    pattern = re.compile(r"(?<![A-Za-z])(" + "|".join(swap) + r")(?![A-Za-z])")
    put = lambda s: pattern.sub(lambda m: swap[m.group()], s)
    steps = []
    for s in trace.steps:
        cut = None if s.wrong_end is None else len(put(s.text[: s.wrong_end]))
        whole = put(s.text)
        if cut is not None and not whole.startswith(put(s.text[: s.wrong_end])):
            cut = len(whole)  # the cut was inside a word that has another name now
        steps.append(
            replace(
                s,
                text=whole,
                wrong_end=cut,
                truth=None if s.truth is None else put(s.truth),
                free=len(put(s.text[: s.free])),
            )
        )
    return replace(trace, question=put(trace.question), steps=steps)


def framed(rng: random.Random, trace: Trace) -> Trace:
    """Words before and after some steps."""
    rate, nonsense = rng.choice((0.25, 0.6, 1.0)), rng.random() < 0.4
    composed = rng.random() < 0.4
    steps = []
    for s in trace.steps:
        if rng.random() >= rate or not s.text:
            steps.append(s)
            continue
        if composed:
            front = opening(rng)
        else:
            front = babble(rng) if nonsense else rng.choice(FRAMES)
            front += rng.choice((" ", " ", "\n"))
        move = len(front)
        text = front + s.text + (closing(rng) if composed else rng.choice(TAILS))
        steps.append(
            replace(
                s,
                text=text,
                wrong_end=None if s.wrong_end is None else s.wrong_end + move,
                free=s.free + move,
            )
        )
    return replace(trace, steps=steps, dense_text=False)


def vary(rng: random.Random, trace: Trace, rate: float = 0.5) -> Trace:
    if rng.random() >= rate:
        return trace
    if rng.random() < 0.7:
        trace = exchanged(rng, trace)
    return framed(rng, trace) if rng.random() < 0.6 else trace
