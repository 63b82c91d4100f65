"""A two-layer transformer over the task's symbols, supervised by the outcome at the end or by
validity at every step."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from task import LENGTH, MARKS, VOCAB, Data

from rewardd_recipe.model import ModelConfig, Trunk

WIDTH, LAYERS, BATCH = 64, 2, 128
RATE = 3e-3


class Scorer(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk(
            ModelConfig(
                vocab_size=VOCAB,
                hidden_size=WIDTH,
                intermediate_size=2 * WIDTH,
                num_layers=LAYERS,
                num_heads=2,
                num_kv_heads=2,
                head_dim=32,
                max_positions=LENGTH,
            )
        )
        self.head = torch.nn.Linear(WIDTH, 1)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.trunk(ids)).squeeze(-1)


def fit(kind: str, data: Data, seed: int, updates: int) -> tuple[Scorer, float]:
    """`kind`: "outcome" or "process". Same size, same traces, same number of updates, same order of
    batches."""
    torch.manual_seed(seed)
    model = Scorer()
    opt = torch.optim.AdamW(model.parameters(), RATE, betas=(0.9, 0.98), weight_decay=0.01)
    ids, valid = torch.from_numpy(data.ids), torch.from_numpy(data.valid).float()
    outcome = torch.from_numpy(data.outcome).float()
    order = np.random.default_rng(seed)
    begin = time.time()
    for step in range(updates):
        for group in opt.param_groups:
            group["lr"] = RATE * min(1.0, step / 50) * min(1.0, 2 * (1 - step / updates) + 0.02)
        rows = torch.from_numpy(order.integers(0, len(ids), BATCH))
        logits = model(ids[rows])
        if kind == "outcome":
            loss = F.binary_cross_entropy_with_logits(logits[:, -1], outcome[rows])
        else:
            loss = F.binary_cross_entropy_with_logits(logits[:, MARKS], valid[rows])
        opt.zero_grad(set_to_none=True)
        loss.backward()
        opt.step()
    return model, time.time() - begin


@torch.no_grad()
def accepts(model: Scorer, kind: str, data: Data) -> np.ndarray:
    """Does the scorer accept each trace? Outcome: probability over one half at the end; process: at
    every step."""
    logits = torch.cat([model(part) for part in torch.from_numpy(data.ids).split(500)])
    chosen = logits[:, -1] if kind == "outcome" else logits[:, MARKS].min(dim=1).values
    return (chosen > 0).numpy()


@torch.no_grad()
def states(model: Scorer, data: Data) -> np.ndarray:
    """L2-normalised state at the last step marker: the feature of coverage."""
    hidden = torch.cat(
        [model.trunk(part)[:, MARKS[-1]] for part in torch.from_numpy(data.ids).split(500)]
    )
    return F.normalize(hidden, dim=-1).numpy()
