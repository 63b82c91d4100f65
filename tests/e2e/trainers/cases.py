"""The traces that every client scores, and what /v1/rewards says of them."""

import re

SYSTEM = "You are helpful."
CASES = [  # question, response, reference
    ("Anna buys 5 books at $4 each and 3 pens at $2 each. How much does she spend?",
     "The books cost 5 * $4 = $20.\n\nThe pens cost 3 * $2 = $6.\n\nShe spends $20 + $6 = $26.",
     "26"),
    ("Anna buys 5 books at $4 each and 3 pens at $2 each. How much does she spend?",
     "The books cost 5 * $4 = $30.\n\nThe pens cost 3 * $2 = $9.\n\nShe spends $39.",
     "26"),
    ("What is 2 + 3?", "2 + 3 = 5", "5"),
    ("Wie viel ist 7 · 6?", "7 · 6 = 42 ✓\n\nAlso 42.", "42"),
]  # fmt: skip
QUESTIONS = [case[0] for case in CASES]
RESPONSES = [case[1] for case in CASES]
ANSWERS = [case[2] for case in CASES]
OVERLONG = "x y z " * 3000  # over the 2,048 tokens of the small models
CONVERSATIONS = [[{"role": "user", "content": question}] for question in QUESTIONS]


def chatml(question, system=None):
    """A prompt in the policy's chat template, as trainers hand it over."""
    head = f"<|im_start|>system\n{system}<|im_end|>\n" if system else ""
    return f"{head}<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


def ended(response):
    return response + "<|im_end|>"


def rendered(response, question):
    """In the small outcome model's own template, for wires that take a text as it is."""
    steps = "".join(f"{step}<|step|>" for step in re.split(r"\n+", response))
    return f"{question}<|question|>{steps}<|end|>"


def native(daemon, **options):
    """Results of /v1/rewards, one for each case."""
    items = [{"prompt": q, "trace": {"text": r}, "reference": a} for q, r, a in CASES]
    reply = daemon.post("/v1/rewards", {"items": items, "flags": "off", **options})
    assert all(result["error"] is None for result in reply["results"])
    return reply["results"]


def processes(daemon, **options):
    """The process rewards of the cases; they differ, or a test of equality would show nothing."""
    rewards = [result["process"]["reward"] for result in native(daemon, **options)]
    assert len(set(rewards)) == len(CASES) and rewards[0] > rewards[1]
    return rewards


def outcomes(daemon, raw=False):
    name = "raw" if raw else "reward"
    values = [result["outcome"][name] for result in native(daemon)]
    assert len(set(values)) == len(CASES)
    return values


def single(values):
    """As float32, which rewards are: how a client's tensor holds them."""
    import numpy

    return numpy.asarray(values, dtype=numpy.float32).tolist()
