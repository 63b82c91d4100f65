"""The figures of evaluate.py against scikit-learn, and the sections on a few records with a scorer
that knows the answers."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest

sklearn_metrics = pytest.importorskip("sklearn.metrics")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import evaluate  # noqa: E402

from rewardd_recipe.metrics import (  # noqa: E402
    Scored,
    auroc,
    best_threshold,
    f1_interval,
    first_error,
    interval,
    step_auroc,
    step_auroc_interval,
)
from rewardd_recipe.trace import Step, Trace  # noqa: E402


def test_auroc_and_prm_score_agree_with_sklearn() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 500)
    scores = np.round(rng.normal(labels, 1.0), 1)  # with ties
    assert auroc(labels, scores) == pytest.approx(sklearn_metrics.roc_auc_score(labels, scores))
    guess = (scores > 0.4).astype(int)
    want = 0.5 * sklearn_metrics.f1_score(labels, guess) + 0.5 * sklearn_metrics.f1_score(
        labels, guess, pos_label=0
    )
    assert evaluate.prm_score(labels.tolist(), guess.tolist()) == pytest.approx(want)


def test_first_error_is_the_harmonic_mean_and_location_counts_both() -> None:
    traces = [
        Scored(1, [0.9, 0.1, 0.1]),
        Scored(0, [0.9, 0.1]),
        Scored(-1, [0.9, 0.9]),
        Scored(-1, [0.9, 0.2]),
    ]
    assert first_error(traces, 0.5) == (0.5, 0.5, 0.5)
    assert evaluate.location(traces, 0.5) == 0.5
    assert best_threshold([Scored(1, [0.8, 0.3]), Scored(-1, [0.7, 0.9])]) > 0.3


def test_steps_without_a_score_do_not_count() -> None:
    nan = float("nan")
    assert step_auroc([Scored(1, [0.9, 0.1]), Scored(-1, [0.8, nan])]) == 1.0
    assert first_error([Scored(1, [nan, nan])], 0.5)[0] == 0.0
    assert evaluate.lowest([nan, 0.4]) == 0.4


def test_interval_holds_the_figure() -> None:
    rng = random.Random(4)
    values = [rng.random() for _ in range(400)]
    lo, hi = interval(values, lambda g: float(np.mean(g)))
    assert lo < np.mean(values) < hi and hi - lo == pytest.approx(
        2 * 1.96 * np.std(values) / 20, rel=0.3
    )


def test_rated_steps_end_at_the_first_error() -> None:
    trace = Trace("q", [Step("a"), Step("b", None), Step("c", False), Step("d")], "f")
    assert evaluate.rated_steps(trace) == [(0, 1), (2, 0)]


def test_limit_takes_a_seeded_sample() -> None:
    class Limited:
        limit = 5

    records = list(range(50))
    taken = evaluate.Context.some(Limited, records)
    assert len(taken) == 5 and taken == evaluate.Context.some(Limited, records)
    assert evaluate.Context.some(Limited, records[:4]) == records[:4]


def test_fast_intervals_and_threshold_agree_with_the_plain_ones() -> None:
    rng = random.Random(3)
    traces = []
    for _ in range(80):
        scores = [round(rng.random(), 2) for _ in range(rng.randint(1, 6))]
        traces.append(
            Scored(rng.randrange(-1, len(scores)), scores + [float("nan")] * rng.randint(0, 1))
        )
    assert step_auroc_interval(traces) == pytest.approx(interval(traces, step_auroc))
    assert f1_interval(traces, 0.4) == pytest.approx(
        interval(traces, lambda g: first_error(g, 0.4)[2])
    )
    best = best_threshold(traces)
    assert all(
        first_error(traces, g / 100)[2] <= first_error(traces, best)[2] + 0.03 for g in range(1, 90)
    )
