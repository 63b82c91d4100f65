"""Traces for the tests of flags: a small family of word problems, from a seed."""

import random

NAMES = ["Anna", "Ben", "Clara", "David", "Eva", "Farid", "Greta", "Hugo"]
THINGS = [
    ("books", "pens"),
    ("apples", "pears"),
    ("cups", "plates"),
    ("caps", "scarves"),
    ("balls", "ropes"),
]


def clean(seed):
    """A right trace: {"prompt", "steps", "domain", "reference"}."""
    rng = random.Random(seed)
    name, (first, second) = rng.choice(NAMES), rng.choice(THINGS)
    a, b, c, d = (rng.randint(2, 12) for _ in range(4))
    prompt = (
        f"{name} buys {a} {first} at ${b} each. {name} also buys {c} {second} at ${d} each. "
        f"How much does {name} spend in total?"
    )
    steps = [
        f"The cost of the {first} is {a} * ${b} = ${a * b}.",
        f"The cost of the {second} is {c} * ${d} = ${c * d}.",
        f"The total cost is ${a * b} + ${c * d} = ${a * b + c * d}.",
    ]
    if rng.random() < 0.5:
        tip = rng.randint(1, 5)
        prompt = prompt.replace("How much", f"The bag costs ${tip}. How much")
        steps.append(
            f"With the bag, {name} spends ${a * b + c * d} + ${tip} = ${a * b + c * d + tip}."
        )
        answer = a * b + c * d + tip
    else:
        answer = a * b + c * d
    steps.append(f"The answer is ${answer}.")
    return {"prompt": prompt, "steps": steps, "domain": "shop", "reference": str(answer)}


def item(trace):
    return {"prompt": trace["prompt"], "trace": {"steps": trace["steps"]}}
