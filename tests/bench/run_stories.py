"""Simulated runs that change in one way from trace 2,048 on: how late each is found, and what
rings where nothing should. Called by run_figures.py; alone:

    REWARDD_BUILD=build python tests/bench/run_stories.py [--runs 100] [--clean 1000]

--clean N counts alarms in N runs in which nothing changes, groups of 1, 4 and 8 in turn.

Traces are random with a difficulty that the samples of a prompt share, in groups of 4 (of 8 where
diversity is the story), 128 a step; windows and warm-up are the daemon's defaults."""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "oracle"))
import run_reference as ref

BEGIN = 2048
DEFAULTS = "1024 50 256"


def base(rng, n, group, right=0.4):
    r = ref.rows(n, rng, group=group, per_step=128, features=rng.standard_normal((n, ref.FEATURES)))
    prompts = n // group + 1
    own = rng.standard_normal((prompts, ref.PROMPTS))
    own[:, -1] = 0.25
    r[:, ref.PROMPT_X_AT : ref.PROMPT_X_AT + ref.PROMPTS] = own[r[:, ref.PROMPT].astype(int)]
    # A prompt is right with a probability of its own, Beta with the given mean.
    ease = rng.beta(2 * right, 2 * (1 - right), prompts)[r[:, ref.PROMPT].astype(int)]
    r[:, ref.VERIFIED] = rng.random(n) < ease
    r[:, ref.FLAGS] = np.where(rng.random(n) < 0.04, 1 << rng.integers(0, 8, n), 0)
    return r


def later(n):
    return np.arange(n) >= BEGIN


def contaminated(rng, n, group):
    """Another policy's traces: prompt_gap is that of a swapped question."""
    r = base(rng, n, group)
    hit = later(n) & (rng.random(n) < 0.1)
    r[hit, ref.SCORE] -= 8
    return r


def filler(rng, n, group):
    """Off-topic and repeated sentences: as measured on conf_filler, two flags on 19 of 20."""
    r = base(rng, n, group)
    hit = later(n) & (rng.random(n) < 0.1 * 0.95)
    r[hit, ref.FLAGS] = 1 + 2
    return r


def accuracy(rng, n, group):
    r = base(rng, n, group)
    hit = later(n) & (rng.random(n) < 0.5)
    r[hit, ref.VERIFIED] = 0
    return r


def diversity(rng, n, group):
    """Seven of ten samples are the prompt's favourite text: half of the pairs differ."""
    r = base(rng, n, group)
    hit = later(n) & (rng.random(n) < 0.7)
    r[hit, ref.TRACE] = r[hit, ref.PROMPT] + 1
    return r


def slow_drift(rng, n, group):
    """Contamination rises from 0 to a fifth over 5,000 traces."""
    r = base(rng, n, group)
    share = np.clip((np.arange(n) - BEGIN) / 5000, 0, 1) * 0.2
    r[rng.random(n) < share, ref.SCORE] -= 8
    return r


def slow_fall(rng, n, group):
    """Accuracy falls from .40 to .24 over 5,000 traces."""
    r = base(rng, n, group)
    share = np.clip((np.arange(n) - BEGIN) / 5000, 0, 1) * 0.4
    r[rng.random(n) < share, ref.VERIFIED] = 0
    return r


def longer(rng, n, group):
    """Traces grow to 2.5 times their length, and score as before."""
    r = base(rng, n, group)
    r[:, ref.BYTES] *= 1 + 1.5 * np.arange(n) / n
    return r


def better(rng, n, group):
    """Right answers .37 -> .60, and the rewards follow."""
    r = base(rng, n, group, right=0.37)
    done = np.clip((np.arange(n) - BEGIN) / (n - BEGIN), 0, 1)
    learnt = rng.random(n) < done * (0.60 - 0.37) / (1 - 0.37)
    r[learnt, ref.VERIFIED] = 1
    for column in (ref.PROCESS, ref.OUTCOME):
        r[learnt, column] = np.minimum(1, r[learnt, column] + 0.3)
    r[learnt, ref.SCORE + 1] += 0.5
    return r


def harder(rng, n, group):
    """Longer questions in other words: fewer are answered, and every score falls."""
    r = accuracy(rng, n, group)
    hit = later(n)
    r[hit, ref.PROMPT_X_AT] += 1.5
    r[hit, ref.PROMPT_X_AT + 4] -= 1
    r[hit, ref.SCORE : ref.SCORE + ref.SCORES] -= [1, 1, 0.05, 3]
    return r


def copies_hints(rng, n, group):
    """16 prompts x 8 a step, 48 steps: copied hints take over between steps 6 and 16, the outcome
    model likes them, the process model does not (as in a real run against the daemon)."""
    r = base(rng, n, group, right=0.72)
    share = np.clip((np.arange(n) // 128 - 6) / 10, 0, 1)
    hit = rng.random(n) < share
    r[hit, ref.OUTCOME], r[hit, ref.PROCESS] = 0.97, 0.1
    r[hit, ref.VERIFIED], r[hit, ref.SCORE + 1] = 1, -4
    return r


FOUND = [  # name, story, traces, group, aim: median delay in traces
    ("10 % contamination", contaminated, 6144, 4, 100),
    ("10 % contamination, one sample a prompt", contaminated, 4096, 1, 100),
    ("10 % filler", filler, 6144, 4, 200),
    ("10 % filler, one sample a prompt", filler, 4096, 1, 200),
    ("accuracy .40 -> .20", accuracy, 6144, 4, 300),
    ("accuracy .40 -> .20, one sample a prompt", accuracy, 4096, 1, 300),
    ("group diversity halved", diversity, 6144, 8, 300),
    ("contamination 0 -> 20 % over 5,000", slow_drift, 9216, 4, 5000),
    ("accuracy .40 -> .24 over 5,000", slow_fall, 9216, 4, 5000),
]
QUIET = [("length x2.5, equal scores", longer, 8192, 4), ("honest improvement", better, 8192, 4)]


def alarms(driver, name, k, rows):
    out = driver(f"run {name}-{k} {DEFAULTS} {len(rows)}", rows)
    return [(o["alarm"], o["at"]) for o in out if "alarm" in o]


def tell(driver, runs):
    print("\n| story | runs | alarm before | found | median delay, traces | aim | first rules |")
    print("|---|---|---|---|---|---|---|")
    for name, story, n, group, aim in FOUND:
        delays, first, early = [], {}, 0
        for k in range(runs):
            rang = alarms(driver, story.__name__, k, story(np.random.default_rng(k), n, group))
            early += any(at <= BEGIN for _, at in rang)
            rang = [(rule, at) for rule, at in rang if at > BEGIN]
            delays.append(rang[0][1] - BEGIN if rang else np.inf)
            if rang:
                first[rang[0][0]] = first.get(rang[0][0], 0) + 1
        found, delay = np.mean(np.isfinite(delays)), np.median(delays)
        rules = ", ".join(f"{r} {c}" for r, c in sorted(first.items(), key=lambda x: -x[1]))
        print(
            f"| {name} | {runs} | {early} | {found:.0%} | {delay:.0f} | {aim} | {rules} |",
            flush=True,
        )
    print("\n| story that is no fault | runs | with an alarm | rules |\n|---|---|---|---|")
    for name, story, n, group in QUIET + [("harder questions", harder, 6144, 4)]:
        rules, bad = {}, 0
        for k in range(runs):
            rows = story(np.random.default_rng(k), n, group)
            rang = {rule for rule, _ in alarms(driver, story.__name__, k, rows)}
            bad += bool(rang)
            for r in rang:
                rules[r] = rules.get(r, 0) + 1
        print(
            f"| {name} | {runs} | {bad} | {', '.join(f'{r} {c}' for r, c in rules.items())} |",
            flush=True,
        )
    steps = []
    for k in range(runs):
        rang = alarms(driver, "hints", k, copies_hints(np.random.default_rng(k), 48 * 128, 8))
        steps.append(min((at // 128 for _, at in rang), default=np.inf))
    print(
        f"\ncopied hints take over from step 6 to 16 of 48: first alarm at step "
        f"{np.median(steps):.0f} (median), {np.max(steps):.0f} (latest) in {runs} runs"
    )


def tell_clean(driver, runs):
    rules, bad = {}, 0
    for k in range(runs):
        rows = base(np.random.default_rng(k), 4096, (1, 4, 8)[k % 3])
        rang = {rule for rule, _ in alarms(driver, "clean", k, rows)}
        bad += bool(rang)
        for r in rang:
            rules[r] = rules.get(r, 0) + 1
    which = ", ".join(f"{r} {c}" for r, c in rules.items())
    print(f"\n{runs} clean runs of 4,096 traces: {bad} with an alarm ({which})", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--clean", type=int, default=0)
    args = parser.parse_args()
    driver = ref.Driver()
    if args.runs > 0:
        tell(driver, args.runs)
    if args.clean > 0:
        tell_clean(driver, args.clean)
    driver.close()


if __name__ == "__main__":
    main()
