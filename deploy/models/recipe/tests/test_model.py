"""The training trunk computes what transformers computes, and a package scores the positions it
says."""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rewardd_recipe import train
from rewardd_recipe.encode import encode, load_tokenizer, score_ids
from rewardd_recipe.export import build, write_package
from rewardd_recipe.mixture import own_trace
from rewardd_recipe.model import EXPLICIT_LENGTH, ModelConfig, RewardModel
from rewardd_recipe.score import Package
from rewardd_recipe.served import Served
from rewardd_recipe.tokenizer import STEP
from rewardd_recipe.tokenizer import build as build_tokenizer
from rewardd_recipe.trace import Step, Trace

CFG = ModelConfig(
    vocab_size=300, hidden_size=64, intermediate_size=128, num_layers=2, num_heads=2, num_kv_heads=1
)


@pytest.mark.parametrize("length", [50, EXPLICIT_LENGTH + 30])
def test_trunk_equals_transformers(length: int) -> None:
    """On both sides of the length where attention changes its kernel."""
    torch.manual_seed(1)
    mine = RewardModel(CFG).eval()
    state = {k: v.to(torch.bfloat16).float() for k, v in mine.state_dict().items()}
    mine.load_state_dict(state)
    theirs = build(state, "prm").float()
    ids = torch.randint(0, 300, (2, length))
    with torch.no_grad():
        assert torch.allclose(mine.step_head(mine(ids)), theirs(ids).logits, atol=1e-5)


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    path = tmp_path / "tok.json"
    build_tokenizer(["How many apples? 3 + 4 = 7."] * 3, 300).save(str(path))
    return path


def test_package_round_trip(tmp_path: Path, tokenizer: Path) -> None:
    torch.manual_seed(2)
    state = RewardModel(CFG).state_dict()
    for kind in ("prm", "orm"):
        folder = tmp_path / kind
        write_package(state, tokenizer, kind, folder)
        for record in json.loads((folder / "golden_readable.json").read_text()):
            got = Package(folder, kind).scores([(record["question"], record["steps"])])[0]
            assert got == pytest.approx(record["rewards"], abs=1e-5)


@pytest.mark.skipif("REWARDD_BIN" not in os.environ, reason="REWARDD_BIN does not name the daemon")
@pytest.mark.parametrize("kind", ["prm", "orm"])
def test_the_daemon_scores_as_transformers_does(kind: str) -> None:
    """Generated and hostile traces through the default packages; the daemon computes in bfloat16
    where the CPU can."""
    folder = Path(__file__).resolve().parents[2] / f"rewardd-{kind}-small"
    rng = random.Random(22)
    traces = [own_trace(rng) for _ in range(40)]
    items = [(t.question, [s.text for s in t.steps]) for t in traces] + [
        ("Käse <|step|> ½ + 1/3?", ["<|question|> ✓\n\nx", "5 ≤ 6", "\u0301a"])
    ]
    served = Served(Path(os.environ["REWARDD_BIN"]), folder, kind, 1)
    try:
        got = served.scores(items)
    finally:
        served.daemon.close()
    for mine, theirs in zip(got, Package(folder, kind).scores(items)):
        assert mine == pytest.approx(theirs, abs=0.03)


def test_special_text_in_steps_is_plain(tokenizer: Path) -> None:
    tok = load_tokenizer(str(tokenizer))
    ids, marks = score_ids(tok, "q <|step|>", ["a <|step|> b", "c"])
    assert ids.count(STEP) == 2 and [ids[m] for m in marks] == [STEP, STEP]


def test_labels_land_on_markers(tokenizer: Path) -> None:
    tok = load_tokenizer(str(tokenizer))
    trace = Trace(
        "q",
        [Step("1 + 1 = 2"), Step("2 + 2 = 5", False, 9), Step("so 5", False)],
        "t",
        error="slip",
        outcome=False,
    )
    cut, full = encode(tok, trace, False), encode(tok, trace, True)
    assert cut.labels == [1, 0] and full.labels == [1, 0, 0]
    assert all(cut.ids[m] == STEP for m in cut.marks)
    assert cut.outcome == -1.0 and full.outcome == 0.0


def test_precision_is_found_out_from_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = ""
    monkeypatch.setattr(Path, "read_text", lambda self, **_: flags)
    assert not train.wants_bf16("auto", "cpu")
    flags = "flags\t\t: fpu avx2 avx512f amx_bf16"
    assert train.wants_bf16("auto", "cpu") and not train.wants_bf16("fp32", "cpu")
    flags = "flags : avx2"
    assert train.wants_bf16("bf16", "cpu") and train.wants_bf16("auto", "cuda")


def test_muon_takes_matrices_together_as_it_takes_them_alone() -> None:
    torch.manual_seed(5)
    alone = [torch.nn.Parameter(torch.randn(s)) for s in ((64, 32), (64, 32), (32, 32))]
    together = [torch.nn.Parameter(p.detach().clone()) for p in alone]
    one, other = train.Muon(alone, 0.02), train.Muon(together, 0.02)
    for _ in range(3):
        for a, b in zip(alone, together):
            a.grad = torch.randn_like(a)
            b.grad = a.grad.clone()
        one.step()
        with torch.no_grad():
            other.together(other.param_groups[0])
    for a, b in zip(alone, together):
        assert torch.allclose(a, b, atol=1e-3)
