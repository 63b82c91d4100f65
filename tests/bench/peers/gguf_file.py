"""A folder of `rewardd bench --write-model` as GGUF, for llama.cpp: the same weights, no
vocabulary."""

import json
import os


def _names(layers):
    yield "model.embed_tokens.weight", "token_embd.weight"
    yield "model.norm.weight", "output_norm.weight"
    per_layer = {
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
    }
    for i in range(layers):
        for ours, theirs in per_layer.items():
            for part in ("weight", "bias"):
                yield f"model.layers.{i}.{ours}.{part}", f"blk.{i}.{theirs}.{part}"


def write_gguf(folder, path, kind):
    """kind: f32, bf16, q8_0 or q4_0; vectors and the embedding stay exact (F32, BF16)."""
    import gguf
    import numpy as np
    import torch
    from safetensors.torch import load_file

    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        c = json.load(f)
    tensors = load_file(os.path.join(folder, "model.safetensors"))
    w = gguf.GGUFWriter(path + ".part", "qwen2")
    w.add_context_length(c["max_position_embeddings"])
    w.add_embedding_length(c["hidden_size"])
    w.add_block_count(c["num_hidden_layers"])
    w.add_feed_forward_length(c["intermediate_size"])
    w.add_head_count(c["num_attention_heads"])
    w.add_head_count_kv(c["num_key_value_heads"])
    w.add_key_length(c["head_dim"])
    w.add_value_length(c["head_dim"])
    w.add_rope_freq_base(c["rope_theta"])
    w.add_layer_norm_rms_eps(c["rms_norm_eps"])
    w.add_vocab_size(c["vocab_size"])
    w.add_tokenizer_model("no_vocab")
    matrix = {"f32": "F32", "bf16": "BF16", "q8_0": "Q8_0", "q4_0": "Q4_0"}[kind]
    for ours, theirs in _names(c["num_hidden_layers"]):
        if ours not in tensors:
            continue
        x = tensors[ours].to(torch.float32).numpy()
        name = "F32" if x.ndim == 1 else "BF16" if ours == "model.embed_tokens.weight" else matrix
        qtype = gguf.GGMLQuantizationType[name]
        w.add_tensor(
            theirs,
            np.ascontiguousarray(x) if name == "F32" else gguf.quantize(x, qtype),
            raw_dtype=qtype,
        )
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    os.replace(path + ".part", path)
