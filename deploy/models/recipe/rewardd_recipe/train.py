"""Training, resumable: run it again with the same --work and it goes on where the last checkpoint
stands.

python -m rewardd_recipe.train --data DIR --tokenizer tokenizer.json --work DIR --tokens 15e6
[--decay 0.25]

Warm-up, constant rate, then linear decay over the last `--decay` share of the tokens (start over
with a larger --tokens before the decay has begun to train longer). On a machine whose speed nobody
can promise, `--until 16:40 --decay-minutes 20` decays by the clock instead. `--init DIR` starts
from the weights of an exported process model (the next-token head anew). The data stream is seeded
by the number of the pool, so a resumed run sees new traces. Optimizer: Muon on the matrices of the
trunk, AdamW on the rest.

`--device cuda` trains on a GPU; `--workers N` makes the traces in N processes, which a GPU needs
and two CPU cores do not. `--precision auto` is bfloat16 autocast on a GPU or a CPU with
instructions for it (avx512_bf16, amx_bf16), float32 elsewhere: without them bfloat16 is emulated,
twenty times slower than float32.
"""

from __future__ import annotations

import argparse
import glob
import json
import multiprocessing
import random
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from .encode import IGNORE, Example, encode, load_tokenizer
from .mixture import SEEDS, Mixture
from .model import ModelConfig, RewardModel
from .tokenizer import PAD

LENGTHS = (48, 64, 96, 128, 160, 208, 272, 384, 576, 832)


@dataclass
class Batch:
    """Token ids, and flat positions in the (row, time) plane with what is asked there."""

    ids: Tensor
    marks: Tensor
    labels: Tensor
    weights: Tensor
    dense: Tensor  # positions with a token label
    dense_labels: Tensor
    lm: Tensor  # positions whose next token is asked
    lm_ids: Tensor
    ends: Tensor
    outcomes: Tensor
    tokens: int

    def to(self, device: str) -> Batch:
        if device == "cpu":
            return self
        moved = {f.name: getattr(self, f.name) for f in fields(self)}
        return Batch(
            **{
                k: v.to(device, non_blocking=True) if isinstance(v, Tensor) else v
                for k, v in moved.items()
            }
        )


def collate(examples: list[Example], length: int, rows: int) -> Batch:
    """Right padding."""
    ids = torch.full((rows, length), PAD, dtype=torch.long)
    dense = torch.full((rows, length), IGNORE, dtype=torch.long)
    lm = torch.full((rows, length), IGNORE, dtype=torch.long)
    marks, labels, weights, ends, outcomes = [], [], [], [], []
    for r, ex in enumerate(examples):
        n = len(ex.ids)
        ids[r, :n] = torch.tensor(ex.ids)
        dense[r, :n] = torch.tensor(ex.dense)
        lm[r, : n - 1] = torch.tensor(ex.lm[1:])
        for m, label, w in zip(ex.marks, ex.labels, ex.weights):
            if label != IGNORE and w > 0:
                marks.append(r * length + m)
                labels.append(label)
                weights.append(w)
        if ex.outcome >= 0:
            ends.append(r * length + n - 1)
            outcomes.append(ex.outcome)
    as_long = lambda x: torch.tensor(x, dtype=torch.long)
    asked = [(x.view(-1) != IGNORE).nonzero().squeeze(-1) for x in (dense, lm)]
    return Batch(
        ids,
        as_long(marks),
        as_long(labels),
        torch.tensor(weights),
        asked[0],
        dense.view(-1)[asked[0]],
        asked[1],
        lm.view(-1)[asked[1]],
        as_long(ends),
        torch.tensor(outcomes),
        sum(len(ex.ids) for ex in examples),
    )


class Pools:
    """Pools of traces, sorted by length into full batches of one padded length each."""

    def __init__(
        self, mixture: Mixture, tok, batch_tokens: int, full_share: float, size: int = 3000
    ) -> None:
        self.mixture, self.tok, self.batch_tokens, self.full_share, self.size = (
            mixture,
            tok,
            batch_tokens,
            full_share,
            size,
        )
        self.left: dict[int, list[Example]] = {}  # too few for a batch of their length yet

    def batches(self, number: int) -> list[Batch]:
        rng = random.Random(SEEDS["train"] + 7919 * number)
        by_length, self.left = self.left, {}
        for _ in range(self.size):
            ex = encode(self.tok, self.mixture.draw(rng), rng.random() < self.full_share)
            length = next((n for n in LENGTHS if n >= len(ex.ids)), 0)
            if length:
                by_length.setdefault(length, []).append(ex)
        out = []
        for length, examples in by_length.items():
            rows = max(1, self.batch_tokens // length)
            rng.shuffle(examples)
            whole = len(examples) // rows * rows
            out += [collate(examples[i : i + rows], length, rows) for i in range(0, whole, rows)]
            self.left[length] = examples[whole:]
        rng.shuffle(out)
        return out


_pools: Pools | None = None  # of a worker process


def _start_worker(opt: argparse.Namespace) -> None:
    global _pools
    torch.set_num_threads(1)
    _pools = make_pools(opt)


def _one_pool(number: int) -> list[dict]:
    """Batches as arrays: tensors would travel by file descriptors, which run out."""
    # a worker sees some of the pools only: what is over goes with the pool, so that any number of
    # workers agrees
    _pools.left = {}
    return [
        {
            f.name: v.numpy() if isinstance(v, Tensor) else v
            for f in fields(b)
            for v in (getattr(b, f.name),)
        }
        for b in _pools.batches(number)
    ]


def make_pools(opt: argparse.Namespace) -> Pools:
    mixture = Mixture(opt.data, shares=pairs(opt.shares) if opt.shares else None)
    return Pools(
        mixture, load_tokenizer(str(opt.tokenizer)), opt.batch_tokens, opt.full_share, opt.pool
    )


def stream(opt: argparse.Namespace, number: int) -> Iterator[tuple[int, Batch]]:
    """(pool number, batch) from pool `number` on, for ever."""
    if opt.workers == 0:
        pools = make_pools(opt)
        while True:
            yield from ((number, b) for b in pools.batches(number))
            number += 1
    with multiprocessing.get_context("spawn").Pool(opt.workers, _start_worker, (opt,)) as crew:
        ahead = deque(
            (n, crew.apply_async(_one_pool, (n,))) for n in range(number, number + opt.workers + 2)
        )
        while True:
            at, work = ahead.popleft()
            last = ahead[-1][0] + 1
            ahead.append((last, crew.apply_async(_one_pool, (last,))))
            for arrays in work.get():
                yield (
                    at,
                    Batch(
                        **{
                            k: torch.from_numpy(v) if not isinstance(v, int) else v
                            for k, v in arrays.items()
                        }
                    ),
                )


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised by a quintic Newton-Schulz iteration; for matrices only."""

    def __init__(
        self, params, lr: float, momentum: float = 0.95, weight_decay: float = 0.02
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            if group["params"] and group["params"][0].is_cuda:
                self.together(group)
                continue
            for p in group["params"]:
                self.update(p, group)

    def together(self, group: dict) -> None:
        """Matrices of one shape in one go: a GPU waits for the launches otherwise."""
        shapes: dict[torch.Size, list[Tensor]] = {}
        for p in group["params"]:
            shapes.setdefault(p.shape, []).append(p)
        for shape, params in shapes.items():
            grads = [p.grad for p in params]
            bufs = [self.state[p].setdefault("buf", torch.zeros_like(p)) for p in params]
            torch._foreach_lerp_(bufs, grads, 1 - group["momentum"])
            updates = orthogonalise(
                torch.stack(torch._foreach_lerp(grads, bufs, group["momentum"]))
            ).unbind()
            scale = -group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
            torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(params, updates, alpha=scale)

    def update(self, p: Tensor, group: dict) -> None:
        if "buf" not in self.state[p]:
            self.state[p]["buf"] = torch.zeros_like(p)
        buf = self.state[p]["buf"]
        buf.lerp_(p.grad, 1 - group["momentum"])
        update = orthogonalise(p.grad.lerp(buf, group["momentum"]))
        scale = -group["lr"] * max(1.0, p.shape[0] / p.shape[1]) ** 0.5
        p.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=scale)


def orthogonalise(g: Tensor, steps: int = 5) -> Tensor:
    """A matrix (or a stack of them) towards U V^T of its singular value decomposition. On a CPU one
    matrix at a time: the batched product of bfloat16 matrices takes four times as long there."""
    x = g.bfloat16() / (g.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT.contiguous() if tall else x
    add = torch.addmm if x.ndim == 2 else torch.baddbmm
    for _ in range(steps):
        a = x @ x.mT
        b = add(a, a, a, beta=-4.7750, alpha=2.0315)
        x = add(x, b, x, beta=3.4445)
    return (x.mT if tall else x).to(g.dtype)


def losses(
    model: RewardModel, trunk, batch: Batch, mix: dict[str, float], bf16: bool = True
) -> tuple[Tensor, dict[str, Tensor]]:
    """`trunk`: model.model or its compiled form."""
    with torch.autocast(batch.ids.device.type, dtype=torch.bfloat16, enabled=bf16):
        flat = trunk(batch.ids).reshape(-1, model.cfg.hidden_size)
        parts: dict[str, Tensor] = {}
        step_logits = model.step_head(flat).float()
        if len(batch.marks):
            each = F.cross_entropy(step_logits[batch.marks], batch.labels, reduction="none")
            parts["step"] = (each * batch.weights).sum() / batch.weights.sum()
        if len(batch.dense):
            balance = torch.tensor([3.0, 1.0], device=flat.device)
            parts["dense"] = F.cross_entropy(step_logits[batch.dense], batch.dense_labels, balance)
        if len(batch.ends):
            said = model.outcome_head(flat[batch.ends]).float().squeeze(-1)
            parts["outcome"] = F.binary_cross_entropy_with_logits(said, batch.outcomes)
        if mix["lm"] > 0 and len(batch.lm):
            parts["lm"] = F.cross_entropy(model.lm_head(flat[batch.lm]).float(), batch.lm_ids)
    total = sum(mix[k] * v for k, v in parts.items())
    return total, {k: v.detach() for k, v in parts.items()}


def wants_bf16(choice: str, device: str) -> bool:
    """Whether to autocast. "auto": on a GPU, and on a CPU that says it multiplies bfloat16
    itself."""
    if choice != "auto":
        return choice == "bf16"
    if device != "cpu":
        return True
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def rate(done: float, total: float, decay: float, warm: float = 150e3) -> float:
    if done < warm:
        return max(0.02, done / warm)
    start = total * (1 - decay)
    return 1.0 if done < start else max(0.0, (total - done) / (total - start))


def clock_rate(until: str, minutes: float) -> float:
    """1 until `minutes` before the wall-clock time `until` (UTC, HH:MM[:SS], today), then linearly
    to 0."""
    if not until:
        return 1.0
    now = datetime.now(timezone.utc)
    hour, minute, *second = map(int, until.split(":"))
    end = now.replace(hour=hour, minute=minute, second=sum(second), microsecond=0)
    left = (end - now).total_seconds()
    return min(1.0, max(0.0, left / (60 * minutes)))


def exported(folder: Path, outcome: Path | None = None) -> dict[str, Tensor]:
    """The trunk and step head of an exported process model, in float32 and under the names used
    here; with `outcome` also the head of an outcome model that stands on the same trunk."""
    from safetensors.torch import load_file

    heads = {"score.weight": "step_head.weight", "score.bias": "step_head.bias"}
    state = {heads.get(k, k): v.float() for k, v in load_file(folder / "model.safetensors").items()}
    if outcome is not None:
        other = load_file(outcome / "model.safetensors")
        if any(not torch.equal(v.float(), state[k]) for k, v in other.items() if k in state):
            raise ValueError(f"{outcome} does not stand on the trunk of {folder}")
        state["outcome_head.weight"] = other["score.weight"].float()
    return state


def pause_while(pattern: str) -> None:
    while pattern and glob.glob(pattern):
        time.sleep(1.0)


class Run:
    """Model, optimizers and counters with their checkpoint."""

    def __init__(self, opt: argparse.Namespace) -> None:
        torch.manual_seed(opt.seed)
        self.opt = opt
        self.model = RewardModel(
            ModelConfig(
                num_layers=opt.layers,
                hidden_size=opt.hidden,
                intermediate_size=3 * opt.hidden,
                num_heads=opt.hidden // 32,
                num_kv_heads=opt.hidden // 64,
                dropout=opt.dropout,
            )
        ).to(opt.device)
        matrices = [
            p for n, p in self.model.model.named_parameters() if p.ndim == 2 and "embed" not in n
        ]
        chosen = {id(p) for p in matrices}
        rest = [p for p in self.model.parameters() if id(p) not in chosen]
        self.muon = Muon(matrices, opt.muon_lr, weight_decay=opt.weight_decay)
        self.adam = torch.optim.AdamW(rest, opt.adam_lr, betas=(0.9, 0.98), weight_decay=0.01)
        self.tokens, self.pool, self.seconds = 0, 0, 0.0
        self.path = opt.work / "checkpoint.pt"
        if self.path.exists():
            self.load(self.path)
        elif opt.init is not None:
            state = (
                exported(opt.init, opt.init_outcome)
                if opt.init.is_dir()
                else torch.load(opt.init, weights_only=True)["model"]
            )
            self.model.load_state_dict(state, strict=not opt.init.is_dir())

    def load(self, path: Path) -> None:
        state = torch.load(path, weights_only=True, map_location=self.opt.device)
        self.model.load_state_dict(state["model"])
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
        self.tokens, self.pool, self.seconds = state["tokens"], state["pool"], state["seconds"]

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
            "tokens": self.tokens,
            "pool": self.pool,
            "seconds": self.seconds,
        }
        part = self.path.with_suffix(".part")
        torch.save(state, part)
        part.rename(self.path)

    def set_rate(self) -> None:
        scale = min(
            rate(self.tokens, self.opt.tokens, self.opt.decay, self.opt.warm),
            clock_rate(self.opt.until, self.opt.decay_minutes),
        )
        for group in self.muon.param_groups:
            group["lr"] = self.opt.muon_lr * scale
        for group in self.adam.param_groups:
            group["lr"] = self.opt.adam_lr * scale


def options() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", type=Path, required=True)
    p.add_argument("--tokenizer", type=Path, required=True)
    p.add_argument("--work", type=Path, required=True, help="checkpoints and log, outside the tree")
    p.add_argument("--tokens", type=float, default=15e6)
    p.add_argument("--decay", type=float, default=0.25)
    p.add_argument("--warm", type=float, default=150e3)
    p.add_argument(
        "--until",
        default="",
        help="HH:MM[:SS] (UTC): the run ends then, decaying over --decay-minutes",
    )
    p.add_argument("--decay-minutes", type=float, default=20.0)
    p.add_argument("--batch-tokens", type=int, default=8192)
    p.add_argument("--layers", type=int, default=6)
    p.add_argument("--hidden", type=int, default=256)
    p.add_argument("--muon-lr", type=float, default=0.02)
    p.add_argument("--adam-lr", type=float, default=3e-3)
    p.add_argument(
        "--full-share", type=float, default=0.4, help="share of traces not cut at their first error"
    )
    p.add_argument(
        "--mix", default="step=1,dense=0.5,outcome=0.1,lm=1", help="weights of the losses"
    )
    p.add_argument(
        "--shares",
        default="",
        help="drills=..,own=..,gsm8k=..,shortcut=..,other=..,prm800k=..,plain=..,prose=..,gold=..",
    )
    p.add_argument(
        "--init",
        type=Path,
        help="checkpoint, or folder of an exported process model, whose weights a new run "
        "starts from",
    )
    p.add_argument(
        "--init-outcome",
        type=Path,
        help="folder of an exported outcome model on the trunk of --init: its head is kept too",
    )
    p.add_argument("--pause", default="", help="glob: training sleeps while a file matches")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    p.add_argument("--precision", default="auto", choices=("auto", "bf16", "fp32"))
    p.add_argument("--workers", type=int, default=0, help="processes that make traces; 0: this one")
    p.add_argument(
        "--pool", type=int, default=3000, help="traces that are sorted into batches together"
    )
    p.add_argument("--dropout", type=float, default=0.0)
    p.add_argument("--weight-decay", type=float, default=0.02)
    p.add_argument("--seed", type=int, default=7)
    p.add_argument("--no-compile", action="store_true")
    return p.parse_args()


def pairs(text: str) -> dict[str, float]:
    return {k: float(v) for k, v in (item.split("=") for item in text.split(","))}


class Log:
    """Means of the losses, a line every 25 updates."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("a", buffering=1)
        self.sums: dict[str, list[Tensor]] = {}
        self.count, self.since = 0, time.time()

    def add(self, run: Run, parts: dict[str, Tensor]) -> None:
        for k, v in parts.items():
            self.sums.setdefault(k, []).append(v)
        self.count += 1
        if self.count % 25 == 0:
            means = {k: round(torch.stack(v).mean().item(), 4) for k, v in self.sums.items()}
            record = {
                "tokens": run.tokens,
                "hours": round(run.seconds / 3600, 4),
                "wall": round(time.time() - self.since, 1),
            }
            self.file.write(json.dumps(record | means) + "\n")
            self.sums, self.since = {}, time.time()


def update(run: Run, trunk, batch: Batch, mix: dict[str, float], bf16: bool) -> dict[str, Tensor]:
    begin = time.time()
    run.set_rate()
    total, parts = losses(run.model, trunk, batch.to(run.opt.device), mix, bf16)
    total.backward()
    torch.nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
    run.muon.step()
    run.adam.step()
    run.model.zero_grad(set_to_none=True)
    run.tokens += batch.tokens
    run.seconds += time.time() - begin
    return parts


def main() -> None:
    opt = options()
    opt.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(opt.threads)
    torch._dynamo.config.cache_size_limit = 64
    run = Run(opt)
    run.model.train()
    trunk = run.model.model if opt.no_compile else torch.compile(run.model.model, dynamic=False)
    mix = {"step": 1.0, "dense": 0.0, "outcome": 0.0, "lm": 0.0} | pairs(opt.mix)
    log, saved, bf16 = (
        Log(opt.work / "log.jsonl"),
        time.time(),
        wants_bf16(opt.precision, opt.device),
    )
    for number, batch in stream(opt, run.pool):
        if run.tokens >= opt.tokens or clock_rate(opt.until, opt.decay_minutes) <= 0.0:
            break
        pause_while(opt.pause)
        log.add(run, update(run, trunk, batch, mix, bf16))
        run.pool = number + 1
        if time.time() - saved > 120:
            run.save()
            saved = time.time()
    run.save()


if __name__ == "__main__":
    main()
