"""A simulated training run that collapses, against the real daemon with its default models.

The policy solves problems, often wrongly, in many forms. Then it learns what the outcome model pays
for: "The answer is N." three times. The outcome reward rises; the process model sees no reasoning;
the traces all look alike. Run as a program it prints the table of the windows."""

import os
import random
import re
import sys
import time
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
sys.path.insert(0, str(TOP / "clients" / "python"))
from daemon import Daemon  # noqa: E402

from rewardd import Client  # noqa: E402

MODELS = [TOP / "deploy" / "models" / name for name in ("rewardd-prm-small", "rewardd-orm-small")]
NAMES = ["Ann", "Bob", "Mia", "Tom", "Eva", "Leo"]
THINGS = ["apples", "books", "pens", "coins", "cards", "shells"]
WINDOW, GROUP, PROMPTS = 1024, 2, 128
BEFORE, DRIFT = 12, 20  # training steps of PROMPTS * GROUP traces


def problem(r):
    a, b, c = r.randint(3, 40), r.randint(2, 9), r.randint(2, 30)
    name, thing, kind = r.choice(NAMES), r.choice(THINGS), r.randrange(4)
    if kind == 0:
        return (
            f"{name} has {a} {thing} and buys {b} bags of {c} {thing} each. How many {thing} does "
            f"{name} have?",
            [
                f"The bags hold {b} * {c} = {b * c} {thing}.",
                f"Together with the {a} at the start that is {a} + {b * c} = {a + b * c}.",
                f"The answer is {a + b * c}.",
            ],
            a + b * c,
        )
    if kind == 1:
        return (
            f"What is {a} + {b} * {c}?",
            [f"{b} * {c} = {b * c}", f"{a} + {b * c} = {a + b * c}"],
            a + b * c,
        )
    if kind == 2:
        return (
            f"{name} reads {a} pages on Monday and {b} times as many on Tuesday. How many pages in "
            "all?",
            [
                f"On Tuesday {name} reads {a} * {b} = {a * b} pages.",
                f"In all {a} + {a * b} = {a + a * b} pages.",
                f"The answer is {a + a * b}.",
            ],
            a + a * b,
        )
    return (
        f"A box holds {a + c} {thing}. {name} takes {c} of them and then puts {b} back. How many "
        "are in the box?",
        [
            f"After taking there are {a + c} - {c} = {a} {thing}.",
            f"After putting back there are {a} + {b} = {a + b} {thing}.",
            f"The answer is {a + b}.",
        ],
        a + b,
    )


def mistaken(steps, r):
    """One result is off; what follows is left as it was."""
    steps = list(steps)
    i = r.randrange(len(steps))
    return (
        steps[:i]
        + [re.sub(r"= (\d+)", lambda m: f"= {int(m[1]) + r.randint(1, 9)}", steps[i])]
        + steps[i + 1 :]
    )


def policy(r, shortcut):
    """A prompt, its answer, and GROUP traces of a policy that takes the shortcut so often."""
    question, steps, answer = problem(r)
    traces = []
    for _ in range(GROUP):
        if r.random() < shortcut:
            traces.append([f"The answer is {answer + r.choice([0, 1, 10])}."] * 3)
        else:
            traces.append(steps if r.random() < 0.6 else mistaken(steps, r))
    return {"prompt": question, "traces": traces}


def train(client, run, share):
    r = random.Random(7)
    for step in range(BEFORE + DRIFT):
        shortcut = share(max(0, step - BEFORE + 1) / DRIFT)
        client.score_items(
            [policy(r, shortcut) for _ in range(PROMPTS)],
            run={"id": run, "step": step},
            on_error="raise",
            flags="off",
        )
    end = time.monotonic() + 60
    while True:  # the monitor works behind the reply
        state = client.run(run)
        if state["traces"] == (BEFORE + DRIFT) * PROMPTS * GROUP or time.monotonic() > end:
            return state
        time.sleep(0.05)


def collapse(t):
    """Share of shortcuts at time t of the drift: some problems are still solved at the end."""
    return min(0.8, 1.6 * t)


def start():
    return Daemon(MODELS, "--runs-window", str(WINDOW), "--runs-warm", "100")


@pytest.fixture(scope="module")
def runs(rewardd_bin):
    with start() as d:
        d.wait_ready()
        with Client(d.url) as client:
            collapsing = train(client, "collapsing", collapse)
            calm = train(client, "calm", lambda t: 0)
            events = client.run_events("collapsing")
            seen = [next(events) for _ in range(collapsing["last_event"])]
            yield collapsing, calm, seen


def test_a_calm_run_rings_nothing(runs):
    _, calm, _ = runs
    assert calm["alarms"] == []
    assert all(w["coverage"]["eta"]["value"] > 0.4 for w in calm["windows"])


def test_coverage_falls_and_the_gap_opens(runs):
    collapsing, _, _ = runs
    first, last = collapsing["first_window"], collapsing["windows"][-1]
    assert last["outcome_reward"]["low"] > first["outcome_reward"]["high"]
    assert last["process_reward"]["high"] < first["process_reward"]["low"]
    assert last["outcome_process_gap"]["low"] > first["outcome_process_gap"]["high"]
    assert last["coverage"]["eta"]["high"] < first["coverage"]["eta"]["low"]
    assert last["participation_ratio"]["high"] < first["participation_ratio"]["low"]


def test_the_alarm_rings_with_the_right_sentence(runs):
    collapsing, _, events = runs
    alarms = {a["rule"]: a for a in collapsing["alarms"]}
    clean = BEFORE * PROMPTS * GROUP
    assert min(a["at_trace"] for a in alarms.values()) > clean
    collapse = alarms["manifold_collapse"]
    assert collapse["severity"] == "alarm" and collapse["value"] < 0
    assert "mean outcome reward rose by" in collapse["sentence"]
    assert "more reward from fewer kinds of traces" in collapse["sentence"]
    assert 1 <= len(collapse["traces"]) <= 5
    assert all(t["request_id"] and t["step"] >= BEFORE for t in collapse["traces"])
    gap = alarms["outcome_process_gap"]
    assert "gap between outcome and process reward opens" in gap["sentence"]
    assert "martingale_min_logit" in alarms  # at once, not at the end of a window
    rang = [e["data"]["rule"] for e in events if e["event"] == "alarm"]
    assert set(rang) == set(alarms) and len(rang) == len(alarms)


def main():
    os.environ.setdefault("REWARDD_BIN", str(TOP / "build" / "server" / "rewardd"))
    with start() as d:
        d.wait_ready()
        with Client(d.url) as client:
            for run, share in (("collapsing", collapse), ("calm", lambda t: 0)):
                state = train(client, run, share)
                print(
                    f"\n{run}\n\n| window | outcome | process | gap | eta | participation ratio | "
                    "steps |\n|---|---|---|---|---|---|---|"
                )
                for w in state["windows"]:
                    figures = [
                        w["outcome_reward"],
                        w["process_reward"],
                        w["outcome_process_gap"],
                        w["coverage"]["eta"],
                        w["participation_ratio"],
                        w["steps"],
                    ]
                    print(
                        f"| {w['window']} | "
                        + " | ".join(f"{f['value']:.3f}" for f in figures)
                        + " |"
                    )
                for a in state["alarms"]:
                    print(f"\ntrace {a['at_trace']}, {a['rule']}: {a['sentence']}")


if __name__ == "__main__":
    main()
