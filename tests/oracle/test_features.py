"""The features of step boundaries against numpy: final-norm hidden states of the twin, times the
projection.

    RW_SCORE=build/tests/rw-score pytest tests/oracle/test_features.py

The signs are made here a second time from the definition in core/model/feature.h (SplitMix64), and
looked at with numpy: balanced, and the projection keeps distances as Johnson and Lindenstrauss
promise.
"""

import json
import os
import subprocess
import sys

import pytest

np = pytest.importorskip("numpy")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import twin  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("REWARDD_BUILD", "")
DRIVER = os.environ.get("RW_SCORE", os.path.join(BUILD, "tests", "rw-score") if BUILD else "")
DIM = 64
SEED = 0x7265776172646421
MASK = (1 << 64) - 1


def splitmix64(counter):
    z = (SEED + (counter + 1) * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def projection(n):
    """[n, 64], entries +-1/8: bit c of the word of row r is the sign of (r, c)."""
    words = [splitmix64(r) for r in range(n)]
    return np.array(
        [[-1.0 if word >> c & 1 else 1.0 for c in range(DIM)] for word in words]
    ) / np.sqrt(DIM)


def test_projection_keeps_distances():
    p = projection(4096)
    assert abs(p.mean()) * np.sqrt(DIM) < 4 / np.sqrt(p.size)  # four sigma of a fair coin
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 4096))
    ratio = np.linalg.norm(x @ p, axis=1) / np.linalg.norm(x, axis=1)
    assert abs(ratio.mean() - 1) < 0.03 and ratio.std() < 1.5 / np.sqrt(2 * DIM), (
        ratio.mean(),
        ratio.std(),
    )


@pytest.mark.skipif(not DRIVER, reason="RW_SCORE does not name the rw-score program")
@pytest.mark.parametrize("model", ["rewardd-prm-small", "rewardd-orm-small"])
def test_features_are_the_projected_hidden_state(model):
    folder = os.path.join(ROOT, "deploy", "models", model)
    config, tensors = twin.load_folder(folder)
    rng = np.random.default_rng(7)
    cases = []
    for n in (5, 70, 200):
        positions = sorted(set(rng.integers(0, n, size=6).tolist()) | {n - 1})
        cases.append(
            {"ids": rng.integers(0, config["vocab_size"], size=n).tolist(), "positions": positions}
        )
    lines = "".join(json.dumps(c) + "\n" for c in cases)
    done = subprocess.run(
        [DRIVER, folder, "--dtype", "f32", "--features", "1"],
        input=lines.encode(),
        capture_output=True,
        timeout=300,
    )
    got = [json.loads(x) for x in done.stdout.decode().splitlines()]
    assert len(got) == len(cases), done.stderr.decode()
    p = projection(config["hidden_size"])
    for case, g in zip(cases, got):
        at = case["positions"] if len(g["raw"]) > 1 else case["positions"][-1:]
        want = twin.hidden_states(config, tensors, case["ids"])[at] @ p
        have = np.array(g["features"])
        assert have.shape == want.shape
        assert np.abs(have - want).max() < 1e-4 * np.abs(want).max(), np.abs(have - want).max()
