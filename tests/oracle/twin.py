"""The forward pass of core/MODEL.md in numpy: the executable twin of core/model, float64 by
default.

It is slow, plain and independent of both the C code and transformers; test_twin.py holds it against
transformers. Every function takes and returns arrays of `dtype`; nothing is rounded in between.
"""

import json
import os

import numpy as np


def rms_norm(x, weight, eps):
    """x[T,H] / sqrt(mean(x^2) + eps) * weight[H]"""
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight


def rope_of(config):
    """(theta, scaling) from either spelling of config.json."""
    parameters = config.get("rope_parameters") or {}
    scaling = config.get("rope_scaling") or parameters
    theta = parameters.get("rope_theta", config.get("rope_theta", 10000.0))
    return float(theta), scaling


def inverse_frequencies(config, head_dim):
    """float32, as every reference computes and stores them: they are part of the model."""
    f32 = np.float32
    theta, scaling = rope_of(config)
    exponent = np.arange(0, head_dim, 2).astype(f32) / f32(head_dim)
    freq = f32(1.0) / np.power(theta, exponent.astype(np.float64)).astype(f32)
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "linear":
        freq = freq / f32(scaling["factor"])
    elif kind == "llama3":
        factor, low, high = (
            scaling["factor"],
            scaling["low_freq_factor"],
            scaling["high_freq_factor"],
        )
        context = scaling["original_max_position_embeddings"]
        turns = (
            context * freq.astype(np.float64) / (2 * np.pi)
        )  # of one frequency over the original context
        smooth = np.clip((turns - low) / (high - low), 0.0, 1.0)
        freq = ((1 - smooth) * freq / factor + smooth * freq).astype(f32)
    elif kind not in ("default", "dynamic"):  # dynamic: default inside the original context
        raise ValueError(kind)
    return freq


def rotate(x, angles, dtype):
    """x[T,heads,D]: pairs (i, i + D/2) turn by angles[T, D/2]."""
    cos, sin = np.cos(angles).astype(dtype)[:, None, :], np.sin(angles).astype(dtype)[:, None, :]
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


def attention(q, k, v, window):
    """q[T,H,D], k,v[T,KV,D] -> [T,H*D]; query t sees keys s <= t, and s > t - window when window >
    0."""
    T, heads, dim = q.shape
    group = heads // k.shape[1]
    row = np.arange(T)
    hidden = row[None, :] > row[:, None]
    if window:
        hidden |= row[None, :] <= row[:, None] - window
    out = np.empty((T, heads, dim), q.dtype)
    for h in range(heads):
        scores = q[:, h] @ k[:, h // group].T * q.dtype.type(dim**-0.5)
        scores[hidden] = -np.inf
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        out[:, h] = scores / scores.sum(axis=-1, keepdims=True) @ v[:, h // group]
    return out.reshape(T, heads * dim)


def canonical(config, tensors):
    """InternLM2's names and its fused wqkv become the Llama names; others pass through."""
    if config["model_type"] != "internlm2":
        return tensors
    heads, kv = config["num_attention_heads"], config["num_key_value_heads"]
    dim, group = config["hidden_size"] // heads, heads // kv
    out = {
        "model.embed_tokens.weight": tensors["model.tok_embeddings.weight"],
        "model.norm.weight": tensors["model.norm.weight"],
    }
    for i in range(config["num_hidden_layers"]):
        a, b = f"model.layers.{i}.", f"model.layers.{i}."
        # Rows per kv group: `group` query heads, then one key head, then one value head.
        qkv = tensors[a + "attention.wqkv.weight"].reshape(kv, group + 2, dim, -1)
        out[b + "self_attn.q_proj.weight"] = qkv[:, :group].reshape(heads * dim, -1)
        out[b + "self_attn.k_proj.weight"] = qkv[:, group].reshape(kv * dim, -1)
        out[b + "self_attn.v_proj.weight"] = qkv[:, group + 1].reshape(kv * dim, -1)
        for ours, theirs in (
            ("self_attn.o_proj", "attention.wo"),
            ("mlp.gate_proj", "feed_forward.w1"),
            ("mlp.up_proj", "feed_forward.w3"),
            ("mlp.down_proj", "feed_forward.w2"),
            ("input_layernorm", "attention_norm"),
            ("post_attention_layernorm", "ffn_norm"),
        ):
            out[b + ours + ".weight"] = tensors[a + theirs + ".weight"]
    for name in tensors:
        if name.startswith("v_head"):
            out[name] = tensors[name]
    return out


def window_of(config, layer):
    if config.get("layer_types"):
        return (
            config["sliding_window"] if config["layer_types"][layer] == "sliding_attention" else 0
        )
    if config["model_type"] == "mistral":
        return config.get("sliding_window") or 0
    if config["model_type"] in ("qwen2", "qwen3") and config.get("use_sliding_window"):
        return config["sliding_window"] if layer >= config.get("max_window_layers", 28) else 0
    return 0


def hidden_states(config, tensors, ids, dtype=np.float64):
    """ids[T] -> output of the final norm, [T, hidden]."""
    w = {k: np.asarray(v, dtype) for k, v in canonical(config, tensors).items()}
    heads = config["num_attention_heads"]
    kv = config.get("num_key_value_heads") or heads
    dim = config.get("head_dim") or config["hidden_size"] // heads
    eps = config["rms_norm_eps"]
    ids = np.asarray(ids)
    T = len(ids)
    # Angles are float32 products in the references too; cosine and sine of them are exact here.
    angles = np.arange(T).astype(np.float32)[:, None] * inverse_frequencies(config, dim)[None, :]
    angles = angles.astype(np.float64)
    x = w["model.embed_tokens.weight"][ids]

    def linear(name, y):
        y = y @ w[name + ".weight"].T
        return y + w[name + ".bias"] if name + ".bias" in w else y

    for i in range(config["num_hidden_layers"]):
        p = f"model.layers.{i}."
        y = rms_norm(x, w[p + "input_layernorm.weight"], eps)
        q = linear(p + "self_attn.q_proj", y).reshape(T, heads, dim)
        k = linear(p + "self_attn.k_proj", y).reshape(T, kv, dim)
        v = linear(p + "self_attn.v_proj", y).reshape(T, kv, dim)
        if p + "self_attn.q_norm.weight" in w:
            q = rms_norm(q, w[p + "self_attn.q_norm.weight"], eps)
            k = rms_norm(k, w[p + "self_attn.k_norm.weight"], eps)
        q, k = rotate(q, angles, dtype), rotate(k, angles, dtype)
        x = x + linear(p + "self_attn.o_proj", attention(q, k, v, window_of(config, i)))
        y = rms_norm(x, w[p + "post_attention_layernorm.weight"], eps)
        gate = linear(p + "mlp.gate_proj", y)
        x = x + linear(
            p + "mlp.down_proj", gate / (1 + np.exp(-gate)) * linear(p + "mlp.up_proj", y)
        )
    return rms_norm(x, w["model.norm.weight"], eps)


def head_values(head, tensors, h):
    """h[P,hidden] -> values[P,n_out] by the head descriptor of a recipe (names as in
    rewardd.json)."""
    t = {k: np.asarray(v, h.dtype) for k, v in tensors.items()}
    if head["type"] == "lm_rows":
        return h @ t[head["weight"]][head["rows"]].T
    y = h @ t[head["weight"]].T
    if head.get("bias"):
        y = y + t[head["bias"]]
    if head["type"] == "mlp_relu":
        y = np.maximum(y, 0) @ t[head["out_weight"]].T
        if head.get("out_bias"):
            y = y + t[head["out_bias"]]
    return y


def post(spec, values):
    """(raw, probability) per row; see core/model/recipe.h."""
    if spec["type"] == "softmax":
        good = spec["good"]
        others = np.delete(values, good, axis=-1)
        top = others.max(axis=-1)
        raw = values[:, good] - (top + np.log(np.exp(others - top[:, None]).sum(axis=-1)))
    else:
        raw = values[:, 0]
        if spec["type"] == "normalized":
            raw = (raw - spec["mean"]) / spec["std"]
    return raw, np.where(
        raw >= 0, 1 / (1 + np.exp(-np.abs(raw))), np.exp(-np.abs(raw)) / (1 + np.exp(-np.abs(raw)))
    )


def score(config, tensors, recipe, ids, positions, dtype=np.float64):
    h = hidden_states(config, tensors, ids, dtype)[np.asarray(positions)]
    return post(recipe["post"], head_values(recipe["head"], tensors, h))


def load_safetensors(path):
    """Plain reader for the tests: name -> array (BF16 and F16 widened to float32)."""
    with open(path, "rb") as f:
        size = int.from_bytes(f.read(8), "little")
        header = json.loads(f.read(size))
        data = f.read()
    out = {}
    for name, info in header.items():
        if name == "__metadata__":
            continue
        raw = data[info["data_offsets"][0] : info["data_offsets"][1]]
        if info["dtype"] == "BF16":
            array = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            array = np.frombuffer(raw, {"F32": "<f4", "F16": "<f2"}[info["dtype"]]).astype(
                np.float32
            )
        out[name] = array.reshape(info["shape"])
    return out


def load_folder(folder):
    """(config, tensors) of a Hugging Face folder."""
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    tensors = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".safetensors"):
            tensors.update(load_safetensors(os.path.join(folder, name)))
    return config, tensors
