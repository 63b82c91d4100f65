"""The committed golden files are what the oracle writes today: same bytes of every checkpoint, same
scores.

When a family is added or the oracle corrected:  python tests/oracle/make_checkpoints.py --golden
tests/golden/scores
"""

import json
import os
import sys

import pytest

pytest.importorskip("numpy")
pytest.importorskip("tokenizers")
pytest.importorskip("transformers")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import make_checkpoints

SCORES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "scores")


def read(folder, name):
    with open(os.path.join(folder, name), "rb") as f:
        return f.read()


def test_every_golden_checkpoint_is_committed():
    assert sorted(os.listdir(SCORES)) == sorted(make_checkpoints.GOLDEN)


@pytest.mark.parametrize("name", make_checkpoints.GOLDEN)
def test_golden_is_current(tmp_path, name):
    make_checkpoints.golden(str(tmp_path), name)
    fresh, committed = str(tmp_path / name), os.path.join(SCORES, name)
    assert sorted(os.listdir(fresh)) == sorted(os.listdir(committed))
    for file in sorted(set(os.listdir(fresh)) - {"expected.json"}):
        assert read(fresh, file) == read(committed, file), file
    want, got = (
        json.loads(read(committed, "expected.json")),
        json.loads(read(fresh, "expected.json")),
    )
    for key in ("random", "texts"):
        for a, b in zip(want.pop(key), got.pop(key), strict=True):
            for values in (
                "raw",
                "reward",
            ):  # numpy's exp and BLAS differ in the last bits between machines
                assert b.pop(values, []) == pytest.approx(a.pop(values, []), rel=1e-9, abs=1e-9)
            assert a == b
    assert want == got
