"""The Qwen3-shaped trunk with its three training heads.

Parameter names are those of transformers' Qwen3Model, so that `export.py` can hand the state dict
to `Qwen3ForTokenClassification` / `Qwen3ForSequenceClassification` unchanged. The code here only
exists because it trains several times faster on a CPU than the library's general one: no cache, no
masks (right padding never reaches an earlier token under causal attention), one fused QKV shape per
layer.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# tokens; longer rows use the fused kernel, which is faster there and whose memory does not grow
# with the square
EXPLICIT_LENGTH = 208


@dataclass(frozen=True)
class ModelConfig:
    """Shape of the trunk. head_dim and the widths are multiples of 32/64 for the benefit of the C
    kernels."""

    vocab_size: int = 3072
    hidden_size: int = 256
    intermediate_size: int = 768
    num_layers: int = 6
    num_heads: int = 8
    num_kv_heads: int = 4
    head_dim: int = 32
    rope_theta: float = 10000.0
    rms_eps: float = 1e-6
    max_positions: int = 4096
    dropout: float = 0.0  # of what a layer adds to the stream, in training

    def to_dict(self) -> dict:
        return asdict(self)


class RMSNorm(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.eps)


def rope_tables(cfg: ModelConfig, length: int) -> tuple[Tensor, Tensor]:
    inv = 1.0 / cfg.rope_theta ** (
        torch.arange(0, cfg.head_dim, 2, dtype=torch.float32) / cfg.head_dim
    )
    angle = torch.arange(length, dtype=torch.float32)[:, None] * inv[None, :]
    angle = torch.cat([angle, angle], dim=-1)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], dim=-1) * sin


class Attention(nn.Module):
    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.cfg = cfg
        wide, narrow = cfg.num_heads * cfg.head_dim, cfg.num_kv_heads * cfg.head_dim
        self.q_proj = nn.Linear(cfg.hidden_size, wide, bias=False)
        self.k_proj = nn.Linear(cfg.hidden_size, narrow, bias=False)
        self.v_proj = nn.Linear(cfg.hidden_size, narrow, bias=False)
        self.o_proj = nn.Linear(wide, cfg.hidden_size, bias=False)
        self.q_norm = RMSNorm(cfg.head_dim, cfg.rms_eps)
        self.k_norm = RMSNorm(cfg.head_dim, cfg.rms_eps)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        b, t, _ = x.shape
        d = self.cfg.head_dim
        q = self.q_norm(self.q_proj(x).view(b, t, -1, d)).transpose(1, 2)
        k = self.k_norm(self.k_proj(x).view(b, t, -1, d)).transpose(1, 2)
        v = self.v_proj(x).view(b, t, -1, d).transpose(1, 2)
        q, k = rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype)
        return self.o_proj(attend(q, k, v).transpose(1, 2).reshape(b, t, -1))


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention with shared key-value heads. For short rows the scores are written out: the
    backward pass of the fused CPU kernel took a third of a training step at length 128, this takes
    a third of that."""
    b, heads, t, d = q.shape
    group = heads // k.shape[1]
    if t > EXPLICIT_LENGTH or q.is_cuda:
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    stacked = q.reshape(b, -1, group * t, d) * d**-0.5
    scores = (stacked @ k.transpose(-1, -2)).view(b, -1, group, t, t)
    future = torch.ones(t, t, dtype=torch.bool, device=q.device).triu(1)
    weights = scores.float().masked_fill(future, float("-inf")).softmax(-1).to(v.dtype)
    return (weights.view(b, -1, group * t, t) @ v).view(b, heads, t, d)


class MLP(nn.Module):
    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(cfg.hidden_size, cfg.intermediate_size, bias=False)
        self.up_proj = nn.Linear(cfg.hidden_size, cfg.intermediate_size, bias=False)
        self.down_proj = nn.Linear(cfg.intermediate_size, cfg.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.self_attn = Attention(cfg)
        self.mlp = MLP(cfg)
        self.input_layernorm = RMSNorm(cfg.hidden_size, cfg.rms_eps)
        self.post_attention_layernorm = RMSNorm(cfg.hidden_size, cfg.rms_eps)
        self.dropout = cfg.dropout

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + F.dropout(
            self.self_attn(self.input_layernorm(x), cos, sin), self.dropout, self.training
        )
        return x + F.dropout(
            self.mlp(self.post_attention_layernorm(x)), self.dropout, self.training
        )


class Trunk(nn.Module):
    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.embed_tokens = nn.Embedding(cfg.vocab_size, cfg.hidden_size)
        self.layers = nn.ModuleList(Layer(cfg) for _ in range(cfg.num_layers))
        self.norm = RMSNorm(cfg.hidden_size, cfg.rms_eps)
        cos, sin = rope_tables(cfg, cfg.max_positions)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.apply(self._init)

    def _init(self, module: nn.Module) -> None:
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.6 / module.in_features**0.5)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed_tokens(ids)
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.norm(x)


class RewardModel(nn.Module):
    """Trunk with a two-class step head (PRM), a scalar outcome head (ORM) and a next-token head
    (training only)."""

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.model = Trunk(cfg)
        self.step_head = nn.Linear(cfg.hidden_size, 2)
        self.outcome_head = nn.Linear(cfg.hidden_size, 1, bias=False)
        self.lm_head = nn.Linear(cfg.hidden_size, cfg.vocab_size, bias=False)
        for head in (self.step_head, self.outcome_head, self.lm_head):
            nn.init.normal_(head.weight, std=0.02)
        nn.init.zeros_(self.step_head.bias)

    def forward(self, ids: Tensor) -> Tensor:
        return self.model(ids)
