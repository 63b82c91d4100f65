"""Talks to tests/lib/run_driver.c, and says in numpy what its statistics should be."""

import json
import os
import subprocess

import numpy as np

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EPS = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
ALPHA, LAMBDA = np.array([0.1, 0.03, 0.01]), np.array([0.2, 0.1, 0.08])
SURFACE, FEATURES, SCORES = 10, 64, 4
PROMPT, TRACE, STEP, SAMPLE, GROUP, ITEM, VALIDATE, HAS_FEATURES = range(8)
PROCESS, OUTCOME, VERIFIED, STEPS, BYTES, SCORE = range(8, 14)
SURFACE_AT = SCORE + SCORES
FEATURES_AT = SURFACE_AT + SURFACE
PROMPTS = 7
PROMPT_X_AT = FEATURES_AT + FEATURES
ANSWER, FLAGS, KIND, GATE = range(PROMPT_X_AT + PROMPTS, PROMPT_X_AT + PROMPTS + 4)
ROW = GATE + 1


def driver_path():
    build = os.environ.get("REWARDD_BUILD") or os.path.join(TOP, "build")
    return os.path.join(build, "tests", "rw-run")


class Driver:
    """One process; each call is a command line and numbers, answered by JSON lines."""

    def __init__(self):
        self.process = subprocess.Popen(
            [driver_path()], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __call__(self, command, *arrays):
        data = b"".join(np.ascontiguousarray(a, dtype="<f8").tobytes() for a in arrays)
        self.process.stdin.write(command.encode() + b"\n" + data)
        self.process.stdin.flush()
        lines = []
        while True:
            line = self.process.stdout.readline()
            assert line, f"the driver ended on: {command}"
            lines.append(json.loads(line))
            if lines[-1].get("end") is True:
                return lines[:-1]

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


def bin_of(x):
    """The rounding of martingale.h, for vectors: 64 bins per octave from 2^-8 to 2^6."""
    size = np.abs(x)
    with np.errstate(divide="ignore"):
        fraction, exponent = np.frexp(size)
    at = (exponent - 1 + 8 + 1) * 64 + np.floor((fraction - 0.5) * 128).astype(int)
    at = np.where(size < 2.0**-8, np.floor(size * 256 * 64).astype(int), at)
    at = np.where(size >= 64, 15 * 64 - 1, at)
    return np.where(x < 0, 15 * 64 - 1 - at, 15 * 64 + at)


def mix(seed, counter):
    mask = (1 << 64) - 1
    z = (seed + (counter + 1) * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def unit(bits):
    return ((bits >> 11) + 1) * 2.0**-53


def p_values(scores, seed, warm):
    """By definition: rank of each among all before it, ties broken at random."""
    bins = bin_of(np.asarray(scores))
    out = []
    for i in range(warm, len(bins)):
        past = bins[:i]
        u = unit(mix(seed, i))
        out.append(((past < bins[i]).sum() + u * ((past == bins[i]).sum() + 1)) / (i + 1))
    return np.array(out)


def bets(p):
    """What each gambler's capital is multiplied by: powers, then steps. [len(p), 8]"""
    p = np.asarray(p)[:, None]
    return np.hstack([EPS * p ** (EPS - 1), 1 - LAMBDA + np.where(p <= ALPHA, LAMBDA / ALPHA, 0)])


def plain(p):
    logs = np.cumsum(np.log(bets(p)), 0)
    return np.logaddexp.reduce(logs, 1) - np.log(logs.shape[1])


def capital(p, first=0.5, scale=4096.0):
    """The mixture over starting times, written out: each start is a martingale of its own."""
    n = len(p)
    paid = bets(p)
    k = np.arange(1, n)
    stake = np.concatenate([[first], (1 - first) * scale / ((k + scale - 1) * (k + scale))])
    out = []
    for t in range(n):
        total = 1 - stake[: t + 1].sum()
        products = np.cumprod(paid[t::-1], 0)[::-1]  # from start k to t
        total += (stake[: t + 1, None] * products).sum(0).mean()
        out.append(np.log(total))
    return np.array(out)


def participation(x):
    n, s = len(x), np.cov(x, rowvar=False)
    tr, tr2 = np.trace(s), (s * s).sum()
    t2 = (n - 1) ** 2 / ((n - 2) * (n + 1)) * (tr2 - tr**2 / (n - 1))
    return (tr**2 - 2 * t2 / (n - 1)) / t2


def folds(prompts):
    key = (
        np.asarray(prompts).astype(np.uint64)
        * np.uint64(0xD1B54A32D192ED03)
        * np.uint64(0x9E3779B97F4A7C15)
    )
    return (key >> np.uint64(60)).astype(int)


def jackknife(values):
    values = np.asarray(values)
    g = len(values)
    return (g - 1) / g * ((values - values.mean()) ** 2).sum()


def rows(n, rng, group=1, per_step=64, features=None, prompts=None):
    """Plausible traces of a run that does not change."""
    r = np.full((n, ROW), np.nan)
    i = np.arange(n)
    r[:, PROMPT] = i // group if prompts is None else prompts
    r[:, TRACE] = rng.integers(1, 2**40, n)
    r[:, STEP] = i // per_step
    r[:, SAMPLE] = i % per_step
    r[:, GROUP] = group
    r[:, ITEM] = r[:, VALIDATE] = 0
    r[:, HAS_FEATURES] = 0 if features is None else 1
    r[:, SURFACE_AT:FEATURES_AT] = rng.standard_normal((n, SURFACE))
    r[:, STEPS] = rng.integers(2, 12, n)
    r[:, BYTES] = r[:, STEPS] * rng.integers(20, 120, n)
    effect = np.repeat(rng.standard_normal(n // group + 1), group)[:n]
    r[:, PROCESS] = 1 / (1 + np.exp(-effect - rng.standard_normal(n)))
    r[:, OUTCOME] = 1 / (1 + np.exp(-effect - rng.standard_normal(n)))
    r[:, VERIFIED] = rng.random(n) < r[:, OUTCOME]
    # Each prompt has features of its own, and its samples are of one length and answer or another.
    of_prompt = r[:, PROMPT].astype(int)
    mine = np.random.default_rng(17).standard_normal((of_prompt.max() + 1, PROMPTS))
    r[:, PROMPT_X_AT : PROMPT_X_AT + PROMPTS] = mine[of_prompt]
    r[:, PROMPT_X_AT + PROMPTS - 1] = 0.25  # what a request gives is the same for all
    r[:, ANSWER] = 1 + of_prompt * 8 + rng.integers(0, 5, n)
    r[:, FLAGS] = np.where(rng.random(n) < 0.03, 1 << rng.integers(0, 8, n), 0)
    r[:, KIND] = 0
    r[:, SCORE : SCORE + SCORES] = rng.standard_normal((n, SCORES)) * [2, 2, 0.1, 5] + [
        1,
        2,
        0.3,
        -30,
    ]
    if features is not None:
        r[:, FEATURES_AT:PROMPT_X_AT] = features
    return r
