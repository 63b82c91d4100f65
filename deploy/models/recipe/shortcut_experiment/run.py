"""Runs the experiment and keeps every run in results.json; started again, it does only what is
missing.

python run.py --out results.json [--seeds 4] [--updates 600]
"""

from __future__ import annotations

import argparse
import glob
import json
import time
from pathlib import Path

import numpy as np
import torch
from scorer import accepts, fit, states
from task import Data, cells, sample, shortcuts

RHOS = (0.5, 0.7, 0.9, 0.97, 1.0)
BASE = 20000
COVERAGE = {  # name: (traces, share of the reversed rule's operations seen)
    "2,000 traces, one operation in three": (2000, 1 / 3),
    "20,000 traces, one operation in three": (20000, 1 / 3),
    "2,000 traces, two operations in three": (2000, 2 / 3),
    "2,000 traces, every operation": (2000, 1.0),
}
COVERAGE_RHO = 0.9
TEST = 2000
FULL = cells(1.0, 0)
KINDS = ("outcome", "process")


def figures(
    model: torch.nn.Module, kind: str, rho: float, seen: np.ndarray, seed: int
) -> dict[str, float]:
    """Accuracy in and out of distribution, and how many right-answer-wrong-process traces are let
    through."""

    def accuracy(data: Data) -> float:
        return float((accepts(model, kind, data) == data.outcome).mean())

    rng = np.random.default_rng(10_000 + seed)
    return {
        "in_distribution": accuracy(sample(rng, TEST, rho, seen)),
        "style_uninformative": accuracy(sample(rng, TEST, 0.5, FULL)),
        "style_reversed": accuracy(sample(rng, TEST, 0.0, FULL)),
        "reversed_rule": accuracy(sample(rng, TEST, 0.5, FULL, reversed_share=1.0)),
        "shortcuts_accepted": float(accepts(model, kind, shortcuts(rng, TEST, FULL)).mean()),
    }


def jobs(seeds: int) -> list[dict]:
    out = []
    for seed in range(seeds):
        out += [
            {
                "part": "screening",
                "name": f"{rho}",
                "rho": rho,
                "traces": BASE,
                "share": 1.0,
                "kind": k,
                "seed": seed,
            }
            for rho in RHOS
            for k in KINDS
        ]
        out += [
            {
                "part": "coverage",
                "name": name,
                "rho": COVERAGE_RHO,
                "traces": n,
                "share": share,
                "kind": k,
                "seed": seed,
            }
            for name, (n, share) in COVERAGE.items()
            for k in KINDS
        ]
    return out


def train_data(job: dict) -> tuple[Data, np.ndarray]:
    seen = cells(job["share"], 500 + job["seed"])
    return sample(np.random.default_rng(900 + job["seed"]), job["traces"], job["rho"], seen), seen


def coverage(
    frozen: torch.nn.Module, data: Data, reference: np.ndarray, window: int = 1024
) -> float:
    """eta: the share of reference states with a training state within the reference's median
    nearest-neighbour distance. The window has a fixed size: without that, eta would grow with the
    number of traces alone."""
    part = states(frozen, Data(data.ids[:window], data.valid[:window], data.outcome[:window]))
    inside = distances(reference, reference)
    np.fill_diagonal(inside, np.inf)
    radius = np.median(inside.min(axis=1))
    return float((distances(reference, part).min(axis=1) <= radius).mean())


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(0.0, 2 - 2 * a @ b.T))


def add_coverage(results: list[dict], seeds: int, updates: int) -> dict[str, list[float]]:
    """eta of every coverage condition, seen by one frozen process scorer that none of the
    conditions trained."""
    frozen, _ = fit("process", sample(np.random.default_rng(1), BASE, 0.5, FULL), 999, updates)
    reference = states(
        frozen, sample(np.random.default_rng(2), 1000, 0.5, FULL, reversed_share=1.0)
    )
    return {
        name: [
            coverage(
                frozen,
                train_data({"traces": n, "share": share, "rho": COVERAGE_RHO, "seed": s})[0],
                reference,
            )
            for s in range(seeds)
        ]
        for name, (n, share) in COVERAGE.items()
    }


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--out", type=Path, default=Path("results.json"))
    p.add_argument("--seeds", type=int, default=4)
    p.add_argument("--updates", type=int, default=600)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--pause", default="", help="glob: sleep between runs while a file matches")
    opt = p.parse_args()
    torch.set_num_threads(opt.threads)
    state = json.loads(opt.out.read_text()) if opt.out.exists() else {"runs": [], "eta": {}}
    done = {(r["part"], r["name"], r["kind"], r["seed"]) for r in state["runs"]}
    for job in jobs(opt.seeds):
        if (job["part"], job["name"], job["kind"], job["seed"]) in done:
            continue
        while opt.pause and glob.glob(opt.pause):
            time.sleep(1)
        data, seen = train_data(job)
        model, seconds = fit(job["kind"], data, job["seed"], opt.updates)
        state["runs"].append(
            job
            | {"updates": opt.updates, "seconds": round(seconds, 1)}
            | figures(model, job["kind"], job["rho"], seen, job["seed"])
        )
        opt.out.write_text(json.dumps(state, indent=0) + "\n")
    state["eta"] = add_coverage(state["runs"], opt.seeds, opt.updates)
    opt.out.write_text(json.dumps(state, indent=0) + "\n")


if __name__ == "__main__":
    main()
