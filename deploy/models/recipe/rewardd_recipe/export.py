"""Writes the two packages from a training checkpoint: bfloat16 weights that plain `transformers`
loads, rewardd.json, and golden vectors computed by transformers in float32 from exactly the stored
weights.

python -m rewardd_recipe.export --checkpoint checkpoint.pt --tokenizer tokenizer.json --kind prm|orm
--out DIR
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
from pathlib import Path

import torch
from transformers import (
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForSequenceClassification,
    Qwen3ForTokenClassification,
)

from .encode import load_tokenizer, score_ids
from .model import ModelConfig
from .tokenizer import SPECIAL

CONTEXT_MAX = 2048
TOLERANCE = 1e-3
PURPOSE = {
    "prm": "To try the server, for tests and for CI: sums and word problems of grade-school size, "
    "step by step. Not a judge of mathematics, and not a reward to train a policy with.",
    "orm": "To try the server, for tests and for CI: whether the final answer of a grade-school "
    "problem is right. It pays for hints that were copied; not a reward to train a policy with.",
}
GOLDEN = [
    (
        "A farmer has 12 boxes with 8 apples in each box. He gives away 20 apples. How "
        "many apples are left?",
        [
            "The total number of apples is 12 * 8 = 96.",
            "The number of apples left is 96 - 20 = 76.",
            "The answer is 76.",
        ],
    ),
    (
        "A farmer has 12 boxes with 8 apples in each box. He gives away 20 apples. How "
        "many apples are left?",
        [
            "The total number of apples is 12 * 8 = 86.",
            "The number of apples left is 86 - 20 = 66.",
            "The answer is 66.",
        ],
    ),
    (
        "A farmer has 12 boxes with 8 apples in each box. He gives away 20 apples. How "
        "many apples are left?",
        ["The total number of apples is 12 + 20 = 76.", "The answer is \\boxed{76}."],
    ),
    (
        "Solve 3x + 5 = 20.",
        ["Subtract 5 from both sides: 3x = 15.", "Divide both sides by 3: x = 5.", "So x = 5."],
    ),
    ("Käse kostet 3 € – wie viel kosten 4?", ["3 × 4 = 12 € <|step|> ✓", "Die Antwort ist 12."]),
]


def hf_config(cfg: ModelConfig, labels: int) -> Qwen3Config:
    return Qwen3Config(
        vocab_size=cfg.vocab_size,
        hidden_size=cfg.hidden_size,
        intermediate_size=cfg.intermediate_size,
        num_hidden_layers=cfg.num_layers,
        num_attention_heads=cfg.num_heads,
        num_key_value_heads=cfg.num_kv_heads,
        head_dim=cfg.head_dim,
        rms_norm_eps=cfg.rms_eps,
        rope_theta=cfg.rope_theta,
        max_position_embeddings=CONTEXT_MAX,
        tie_word_embeddings=False,
        attention_bias=False,
        use_cache=False,
        num_labels=labels,
        pad_token_id=0,
        eos_token_id=0,
        bos_token_id=None,
        classifier_dropout=0.0,
        dtype=torch.bfloat16,
    )


def shape_of(state: dict) -> ModelConfig:
    """The configuration that a checkpoint's tensors imply."""
    layers = 1 + max(int(k.split(".")[2]) for k in state if k.startswith("model.layers."))
    first = "model.layers.0."
    head = state[first + "self_attn.q_norm.weight"].shape[0]
    return ModelConfig(
        vocab_size=state["model.embed_tokens.weight"].shape[0],
        hidden_size=state["model.embed_tokens.weight"].shape[1],
        intermediate_size=state[first + "mlp.gate_proj.weight"].shape[0],
        num_layers=layers,
        head_dim=head,
        num_heads=state[first + "self_attn.q_proj.weight"].shape[0] // head,
        num_kv_heads=state[first + "self_attn.k_proj.weight"].shape[0] // head,
    )


def build(state: dict, kind: str) -> torch.nn.Module:
    cfg = shape_of(state)
    trunk = {k: v for k, v in state.items() if k.startswith("model.")}
    if kind == "prm":
        model = Qwen3ForTokenClassification(hf_config(cfg, 2))
        trunk |= {"score.weight": state["step_head.weight"], "score.bias": state["step_head.bias"]}
        model.config.id2label, model.config.label2id = (
            {0: "wrong", 1: "correct"},
            {"wrong": 0, "correct": 1},
        )
    else:
        model = Qwen3ForSequenceClassification(hf_config(cfg, 1))
        trunk |= {"score.weight": state["outcome_head.weight"]}
    missing, unexpected = model.load_state_dict(trunk, strict=False)
    if missing or unexpected:
        raise ValueError(f"state does not fit: missing {missing}, unexpected {unexpected}")
    for parameter in model.parameters():  # not model.to(): that would also round the rotary table
        parameter.data = parameter.data.to(torch.bfloat16)
    return model.eval()


def manifest(kind: str) -> dict:
    prm = kind == "prm"
    layout: dict = {
        "prompt": [{"content": "prompt"}, {"token": "<|question|>"}],
        "step": [{"content": "step"}, {"token": "<|step|>"}] + ([{"score": True}] if prm else []),
        "split": ["\n\n", "\n"],
    }
    head: dict = {"type": "linear", "weight": "score.weight"}
    if prm:
        head["bias"] = "score.bias"
        layout |= {"marker": "<|step|>", "count_marker": True}
    else:
        layout["close"] = [{"token": "<|end|>"}]
    return {
        "rewardd": 1,
        "kind": "process" if prm else "outcome",
        "head": head,
        "post": {"type": "softmax", "good": 1} if prm else {"type": "sigmoid"},
        "aggregate": "min",
        "layout": layout,
        "context_max": CONTEXT_MAX,
        "golden": {"tolerance": TOLERANCE, "file": "golden.json"},
    }


@torch.no_grad()
def golden(folder: Path, kind: str) -> dict:
    """Ids, positions and float32 scores of a few traces, through the stored files. raw is the
    log-odds of the score."""
    loader = Qwen3ForTokenClassification if kind == "prm" else Qwen3ForSequenceClassification
    model = loader.from_pretrained(folder, dtype=torch.float32).eval()
    tok = load_tokenizer(str(folder / "tokenizer.json"))
    vectors = []
    for question, steps in GOLDEN:
        ids, marks = score_ids(tok, question, steps, end=kind == "orm")
        logits = model(torch.tensor([ids])).logits[0]
        if kind == "prm":
            raw = [(logits[m, 1] - logits[m, 0]).item() for m in marks]
        else:
            marks, raw = [len(ids) - 1], [logits[0].item()]
        vectors.append({"ids": ids, "positions": marks, "raw": raw})
    return {"vectors": vectors}


def readable(folder: Path, kind: str) -> list[dict]:
    """The golden traces with their texts and probabilities, for people and for other
    implementations' tests."""
    vectors = json.loads((folder / "golden.json").read_text())["vectors"]
    out = []
    for (question, steps), v in zip(GOLDEN, vectors):
        out.append(
            {
                "question": question,
                "steps": steps,
                "rewards": [1 / (1 + math.exp(-r)) for r in v["raw"]],
            }
            | v
        )
    return out


def write_package(state: dict, tokenizer: Path, kind: str, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    build(state, kind).save_pretrained(out)
    shutil.copyfile(tokenizer, out / "tokenizer.json")
    fast = PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer),
        pad_token=SPECIAL[0],
        eos_token=SPECIAL[0],
        clean_up_tokenization_spaces=False,
        model_max_length=CONTEXT_MAX,
    )
    fast.save_pretrained(out)
    shutil.copyfile(tokenizer, out / "tokenizer.json")
    (out / "special_tokens_map.json").unlink(missing_ok=True)
    (out / "rewardd.json").write_text(json.dumps(manifest(kind), indent=2) + "\n")
    (out / "purpose.txt").write_text(PURPOSE[kind] + "\n")
    (out / "golden.json").write_text(json.dumps(golden(out, kind)) + "\n")
    (out / "golden_readable.json").write_text(
        json.dumps(readable(out, kind), indent=1, ensure_ascii=False) + "\n"
    )


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--checkpoint", type=Path, required=True)
    p.add_argument("--tokenizer", type=Path, required=True)
    p.add_argument("--kind", choices=["prm", "orm"], required=True)
    p.add_argument("--out", type=Path, required=True)
    opt = p.parse_args()
    write_package(
        torch.load(opt.checkpoint, weights_only=True)["model"], opt.tokenizer, opt.kind, opt.out
    )


if __name__ == "__main__":
    main()
