"""Scores traces with an exported package, through transformers, from exactly the stored weights in
float32."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import Qwen3ForSequenceClassification, Qwen3ForTokenClassification

from .encode import load_tokenizer, score_ids

BATCH_TOKENS = 6144


class Package:
    """A loaded package: `kind` is prm or orm."""

    def __init__(self, folder: Path, kind: str) -> None:
        loader = Qwen3ForTokenClassification if kind == "prm" else Qwen3ForSequenceClassification
        self.kind = kind
        self.model = loader.from_pretrained(folder, dtype=torch.float32).eval()
        self.tok = load_tokenizer(str(folder / "tokenizer.json"))
        self.limit = self.model.config.max_position_embeddings

    @torch.no_grad()
    def scores(self, traces: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        """Per trace: the probability at every step (prm), or one probability (orm). Over-long
        traces keep the steps that fit; the others score nan."""
        jobs = []
        for index, (question, steps) in enumerate(traces):
            ids, marks = score_ids(self.tok, question, list(steps), end=self.kind == "orm")
            jobs.append((len(ids), index, ids[: self.limit], marks))
        jobs.sort(key=lambda j: j[0])
        out: list[list[float]] = [[] for _ in traces]
        at = 0
        while at < len(jobs):
            rows = max(1, BATCH_TOKENS // min(self.limit, jobs[min(at + 63, len(jobs) - 1)][0]))
            chunk = jobs[at : at + min(rows, 64)]
            at += len(chunk)
            self._run(chunk, out)
        return out

    def _run(self, chunk: list, out: list[list[float]]) -> None:
        width = max(len(ids) for _, _, ids, _ in chunk)
        batch = torch.zeros((len(chunk), width), dtype=torch.long)
        for r, (_, _, ids, _) in enumerate(chunk):
            batch[r, : len(ids)] = torch.tensor(ids)
        hidden = self.model.model(input_ids=batch).last_hidden_state
        for r, (_, index, ids, marks) in enumerate(chunk):
            if self.kind == "prm":
                good = torch.softmax(
                    self.model.score(hidden[r, [m for m in marks if m < len(ids)]]), -1
                )[:, 1].tolist()
                out[index] = good + [float("nan")] * (len(marks) - len(good))
            else:
                out[index] = [torch.sigmoid(self.model.score(hidden[r, len(ids) - 1])).item()]
