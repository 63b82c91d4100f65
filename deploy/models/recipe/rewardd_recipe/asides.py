"""Words that claim nothing: asides, openings and closings, put together from parts.

They are drawn without looking at what stands beside them, so that they say nothing about right and
wrong. A list of phrases is learnt by heart after a thousand traces; parts that combine are not.
"""

from __future__ import annotations

import random

STARTS = ("", "", "", "Hmm, ", "OK, ", "Okay. ", "Wait, ", "Well, ", "Right, ", "Now ", "Hold on: ")
WHO = ("let me", "let's", "I will", "I'll", "we can", "we should", "I want to", "I had better")
DO = ("check", "verify", "double-check", "look at", "go over", "re-read", "test", "think about")
WHAT = ("that", "this", "it", "the last line", "the sum", "the numbers", "my work", "this part")
HOW = ("", "", "", " again", " once more", " carefully", " quickly", " to be safe", " first")
VERDICTS = (
    "",
    "",
    "Yes, that is right.",
    "It is fine.",
    "Good.",
    "That looks right.",
    "It holds.",
    "No mistake there.",
    "Yes.",
    "All good so far.",
    "That works.",
    "Fine.",
    "It checks out.",
)
SHORT = (
    "Wait, that is right.",
    "OK.",
    "Let me see.",
    "Let's go on.",
    "Now the next part.",
    "So far so good.",
    "Let me think.",
    "Hmm.",
    "Good question!",
    "Sure!",
    "Thinking step by step.",
    "Here we go.",
    "Nice and easy.",
    "This is simple.",
    "One thing at a time.",
    "Let me write it down.",
)
OPENERS = (
    ("So", "Then", "Now", "Next", "First", "Here", "Thus", "And", "Also", "Well"),
    ("we have", "I get", "we find", "it is", "that makes", "we see", "note that", "this gives"),
)
OBJECTS = ("the idea", "the plan", "my approach", "the method", "the question", "what we want")
ABOUT = ("is simple", "is clear", "comes first", "is what matters", "is below", "stays the same")
CLOSERS = (
    "",
    "",
    "",
    " That is it.",
    " Done.",
    " OK.",
    " Good.",
    " (checked)",
    " That was easy.",
    " Now we go on.",
    " Let us keep that.",
    " :)",
    " ✓",
    " I am happy with that.",
)


def aside(rng: random.Random) -> str:
    """A sentence that claims nothing about the question."""
    kind = rng.random()
    if kind < 0.35:
        return rng.choice(SHORT)
    if kind < 0.8:
        first = rng.choice(STARTS) + rng.choice(WHO) + " " + rng.choice(DO) + " "
        text = first + rng.choice(WHAT) + rng.choice(HOW) + rng.choice((".", ".", "...", ":"))
        return (text[0].upper() + text[1:] + " " + rng.choice(VERDICTS)).strip()
    return f"{rng.choice(OBJECTS).capitalize()} {rng.choice(ABOUT)}."


def opening(rng: random.Random) -> str:
    """Words before a claim, with the space that follows them."""
    kind = rng.random()
    if kind < 0.4:
        text = " ".join(rng.choice(part) for part in OPENERS)
    elif kind < 0.7:
        text = rng.choice(OPENERS[0])
    else:
        return aside(rng) + rng.choice((" ", " ", "\n"))
    return text + rng.choice((" ", ", ", ": ", ": "))


def closing(rng: random.Random) -> str:
    """Words after a claim."""
    return rng.choice(CLOSERS)
