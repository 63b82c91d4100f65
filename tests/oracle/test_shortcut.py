"""core/shortcut against implementations no one here wrote: zlib of Python, scikit-learn, numpy."""
import json, os, subprocess, zlib
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
BUILD = Path(os.environ.get("REWARDD_BUILD", Path(__file__).resolve().parents[2] / "build"))
DRIVER = os.environ.get("RW_SHORTCUT", str(BUILD / "tests" / "rw-shortcut"))
pytestmark = pytest.mark.skipif(not os.path.exists(DRIVER), reason="rw-shortcut is not built")


def run(*cases):
    done = subprocess.run([DRIVER], input="".join(json.dumps(c) + "\n" for c in cases), capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def words(rng, n):
    return " ".join(rng.choice(["so", "add", "the", "12", "7", "books", "cost", "=", "+", "é", "total"], n))


def conditional(steps):
    """The definition, word for word: every prefix compressed anew."""
    size = lambda text: len(zlib.compress(text.encode(), 6))
    out, past = [], None
    for step in steps:
        cost = None
        if past is not None and len(step.encode()) >= 16:
            cost = (size(past + "\n" + step) - size(past)) / len(step.encode())
        out.append(cost)
        if step:
            past = step if past is None else past + "\n" + step
    return out


def test_conditional_compression():
    rng = np.random.default_rng(0)
    cases = [[words(rng, rng.integers(0, 60)) for _ in range(rng.integers(1, 40))] for _ in range(100)]
    cases += [[words(rng, 4000) for _ in range(6)], ["x" * 40000, "y" * 100, "x" * 40000], ["", "a", "", words(rng, 50)],
              [bytes(rng.integers(32, 127, 30000).astype("uint8")).decode() for _ in range(3)]]
    for steps, got in zip(cases, run(*({"steps": s} for s in cases))):
        assert got["costs"] == conditional(steps)


def test_repetition_and_gap():
    rng = np.random.default_rng(1)
    logit = lambda p: np.log(np.clip(p, 1 / 512, 511 / 512) / (1 - np.clip(p, 1 / 512, 511 / 512)))
    for _ in range(100):
        n = int(rng.integers(1, 12))
        steps = [words(rng, 20) for _ in range(n)]
        own, bare = (np.float32(rng.random(n)) ** 4 for _ in range(2))
        got = run({"steps": steps, "own": [float(x) for x in own], "no_prompt": [float(x) for x in bare]})[0]
        gap = logit(own.astype(float)) - logit(bare.astype(float))
        assert got["gap_first"] == pytest.approx(gap[:2].mean(), abs=1e-9)
        assert got["gap_sum"] == pytest.approx(gap[0] + gap.mean(), abs=1e-9)
        assert got["gap_max"] == pytest.approx(gap.max(), abs=1e-9)
        tokens = " ".join(steps).split()
        grams = [tuple(tokens[i:i + 4]) for i in range(len(tokens) - 3)]
        assert got["repetition"] == pytest.approx(1 - len(set(grams)) / len(grams), abs=1e-12)


def test_shrunk_covariance_and_distance():
    covariance = pytest.importorskip("sklearn.covariance")
    rng = np.random.default_rng(2)
    for n, d in ((20, 8), (200, 64), (50, 64), (4, 3)):
        x = (rng.standard_normal((n, d)) @ rng.standard_normal((d, d))).astype("float32")
        z = rng.standard_normal(d).astype("float32")
        got = run({"rows": [float(v) for v in x.ravel()], "z": [float(v) for v in z]})[0]
        want, shrinkage = covariance.ledoit_wolf(x.astype(float))
        assert got["shrinkage"] == pytest.approx(shrinkage, abs=1e-9)
        assert np.allclose(np.array(got["covariance"]).reshape(d, d), want, rtol=1e-9, atol=1e-9)
        diff = z.astype(float) - x.astype(float).mean(0)
        assert got["d2"] == pytest.approx(diff @ np.linalg.solve(want, diff), rel=1e-6)


def test_the_same_bits_in_any_batch():
    rng = np.random.default_rng(3)
    cases = [{"steps": [words(rng, 30) for _ in range(8)]} for _ in range(20)]
    assert run(*cases) == [run(c)[0] for c in cases]
