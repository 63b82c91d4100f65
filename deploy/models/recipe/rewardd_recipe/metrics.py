"""Figures of the evaluation: AUROC, first-error F1, bootstrap intervals, and the two floors every
figure stands beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable

import numpy as np
from scipy.stats import rankdata
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

BOOTSTRAP = 200


def auroc(labels: Sequence[int], scores: Sequence[float]) -> float:
    y, s = np.asarray(labels), np.asarray(scores, dtype=float)
    pos, neg = int((y == 1).sum()), int((y == 0).sum())
    if pos == 0 or neg == 0:
        return float("nan")
    ranks = rankdata(s)
    return float((ranks[y == 1].sum() - pos * (pos + 1) / 2) / (pos * neg))


def interval(
    groups: Sequence, figure: Callable[[list], float], seed: int = 0, rounds: int = BOOTSTRAP
) -> tuple[float, float]:
    """95 % bootstrap interval of a figure over groups (traces or problems)."""
    rng = np.random.default_rng(seed)
    values = [
        figure([groups[i] for i in rng.integers(0, len(groups), len(groups))])
        for _ in range(rounds)
    ]
    values = [v for v in values if v == v]
    return (
        (float(np.percentile(values, 2.5)), float(np.percentile(values, 97.5)))
        if values
        else (float("nan"),) * 2
    )


@dataclass
class Scored:
    """One trace with its step scores. `first`: index of the first wrong step, -1 none."""

    first: int
    scores: list[float]

    def pairs(self) -> list[tuple[int, float]]:
        """(label, score) of the steps up to and including the first error; without those beyond the
        model's context (nan)."""
        last = len(self.scores) if self.first < 0 else self.first + 1
        return [
            (0 if i == self.first else 1, s) for i, s in enumerate(self.scores[:last]) if s == s
        ]


def step_auroc(traces: Sequence[Scored]) -> float:
    flat = [p for t in traces for p in t.pairs()]
    return auroc([p[0] for p in flat], [p[1] for p in flat])


def predicted_first(scores: Sequence[float], threshold: float) -> int:
    return next((i for i, s in enumerate(scores) if s < threshold), -1)


def first_error(traces: Sequence[Scored], threshold: float) -> tuple[float, float, float]:
    """Exact first-error accuracy on wrong traces, accuracy on clean ones, and their harmonic mean
    (ProcessBench's F1)."""
    hits = [(t.first >= 0, predicted_first(t.scores, threshold) == t.first) for t in traces]
    return harmonic([h for bad, h in hits if bad], [h for bad, h in hits if not bad])


def harmonic(wrong: Sequence[bool], clean: Sequence[bool]) -> tuple[float, float, float]:
    """Both accuracies and their harmonic mean; nan where there is no trace of that kind."""
    a = float(np.mean(wrong)) if len(wrong) else float("nan")
    b = float(np.mean(clean)) if len(clean) else float("nan")
    return a, b, 0.0 if a + b == 0 else 2 * a * b / (a + b)


def step_auroc_interval(
    traces: Sequence[Scored], seed: int = 0, rounds: int = BOOTSTRAP
) -> tuple[float, float]:
    """`interval(traces, step_auroc)` with one sort for all rounds: a trace drawn k times weighs
    k."""
    flat = [(label, score, i) for i, t in enumerate(traces) for label, score in t.pairs()]
    if not flat:
        return (float("nan"),) * 2
    labels, scores, owner = (np.asarray(column) for column in zip(*flat))
    _, rank = np.unique(scores.astype(float), return_inverse=True)
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(rounds):
        weight = np.bincount(rng.integers(0, len(traces), len(traces)), minlength=len(traces))[
            owner
        ]
        pos, neg = (np.bincount(rank, weight * (labels == y)) for y in (1, 0))
        if pos.sum() and neg.sum():
            values.append((pos * (np.cumsum(neg) - neg / 2)).sum() / (pos.sum() * neg.sum()))
    return (
        (float(np.percentile(values, 2.5)), float(np.percentile(values, 97.5)))
        if values
        else (float("nan"),) * 2
    )


def f1_interval(
    traces: Sequence[Scored], threshold: float, seed: int = 0, rounds: int = BOOTSTRAP
) -> tuple[float, float]:
    """`interval` of the F1 of `first_error`, each trace judged once."""
    hits = [(t.first >= 0, predicted_first(t.scores, threshold) == t.first) for t in traces]
    return interval(
        hits,
        lambda g: harmonic([h for bad, h in g if bad], [h for bad, h in g if not bad])[2],
        seed,
        rounds,
    )


def best_threshold(traces: Sequence[Scored]) -> float:
    """The threshold with the best F1 on development traces."""
    grid = np.unique(
        np.quantile([s for t in traces for s in t.scores if s == s], np.linspace(0.01, 0.9, 120))
    )
    scores = np.full(
        (len(traces), max(len(t.scores) for t in traces) + 1), np.nan
    )  # the last column stays nan: nothing below
    for i, t in enumerate(traces):
        scores[i, : len(t.scores)] = t.scores
    first = np.array([t.first for t in traces])

    def f1(threshold: float) -> float:
        below = scores < threshold
        hit = np.where(below.any(1), below.argmax(1), -1) == first
        return harmonic(hit[first >= 0], hit[first < 0])[2]

    return float(max(grid, key=f1))


class LengthFloor:
    """Logistic regression on what can be seen without reading: lengths, counts, position."""

    def __init__(self) -> None:
        self.scale, self.model = StandardScaler(), LogisticRegression(max_iter=500)

    @staticmethod
    def features(question: str, steps: Sequence[str], upto: int) -> list[float]:
        text = steps[upto]
        before = sum(map(len, steps[:upto]))
        return [
            np.log1p(len(text)),
            len(text),
            upto,
            np.log1p(before),
            np.log1p(len(question)),
            text.count("\n"),
            len(text.split()),
        ]

    def fit(self, rows: list[list[float]], labels: list[int]) -> None:
        self.model.fit(self.scale.fit_transform(rows), labels)

    def predict(self, rows: list[list[float]]) -> np.ndarray:
        return self.model.predict_proba(self.scale.transform(rows))[:, 1]


class WordFloor:
    """Logistic regression on hashed word and number counts of a step (or of a whole trace)."""

    def __init__(self) -> None:
        self.hash = HashingVectorizer(
            n_features=2**17,
            token_pattern=r"(?u)[a-zA-Z]+|\d|[^\w\s]",
            alternate_sign=False,
            norm="l2",
            ngram_range=(1, 2),
        )
        self.model = LogisticRegression(max_iter=300, C=3.0, solver="liblinear")

    def fit(self, texts: list[str], labels: list[int]) -> None:
        self.model.fit(self.hash.transform(texts), labels)

    def predict(self, texts: list[str]) -> np.ndarray:
        return self.model.predict_proba(self.hash.transform(texts))[:, 1]
