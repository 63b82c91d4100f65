"""One engine in a process of its own: {"ids": [...], "positions": [...]} per line on stdin, {"raw":
[...]} per line on stdout, the protocol of tests/lib's rw-score. raw = z[1] - z[0] of the two-way
head at each position.

    python worker.py ENGINE FOLDER THREADS

ENGINE: torch-f32, torch-bf16 (transformers), openvino-f32, openvino-bf16 (the plain forward below,
traced), llama-f32, llama-bf16, llama-q8_0, llama-q4_0 (llama-cpp-python; LLAMA_CPP_LIB_PATH takes
another build).
"""

import json
import os
import sys


def config_of(folder):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        return json.load(f)


def head_of(folder):
    import torch
    from safetensors import safe_open

    with safe_open(os.path.join(folder, "model.safetensors"), "pt") as f:
        w = f.get_tensor("score.weight").to(torch.float32)
    return (w[1] - w[0]).numpy()


def torch_engine(folder, threads, dtype):
    import torch
    from transformers import AutoConfig, AutoModel

    torch.set_num_threads(threads)
    config = AutoConfig.from_pretrained(folder)
    model = AutoModel.from_pretrained(
        folder, config=config, dtype=getattr(torch, dtype), attn_implementation="sdpa"
    ).eval()
    head = torch.from_numpy(head_of(folder))

    def run(ids, positions):
        with torch.inference_mode():
            hidden = model(input_ids=torch.tensor([ids]), use_cache=False).last_hidden_state[0]
            return (hidden[positions].float() @ head).tolist()

    return run


def plain_forward(folder):
    """Qwen2 as a module of plain operations that a tracer can follow; float32 weights."""
    import torch
    from safetensors.torch import load_file
    from torch import nn
    from torch.nn import functional as F

    c = config_of(folder)
    heads, kv, dim = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]
    weights = {
        k: v.float() for k, v in load_file(os.path.join(folder, "model.safetensors")).items()
    }

    class Norm(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.w = nn.Parameter(weights[name])

        def forward(self, x):
            return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + c["rms_norm_eps"]) * self.w

    def linear(name):
        w, b = weights[name + ".weight"], weights.get(name + ".bias")
        layer = nn.Linear(w.shape[1], w.shape[0], bias=b is not None)
        layer.weight = nn.Parameter(w)
        if b is not None:
            layer.bias = nn.Parameter(b)
        return layer

    def turn(x, cos, sin):
        half = x.shape[-1] // 2
        return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin

    class Layer(nn.Module):
        def __init__(self, i):
            super().__init__()
            p = f"model.layers.{i}."
            self.n1, self.n2 = (
                Norm(p + "input_layernorm.weight"),
                Norm(p + "post_attention_layernorm.weight"),
            )
            self.q, self.k, self.v, self.o = (linear(p + f"self_attn.{x}_proj") for x in "qkvo")
            self.gate, self.up, self.down = (
                linear(p + f"mlp.{x}_proj") for x in ("gate", "up", "down")
            )

        def forward(self, x, cos, sin):
            n = self.n1(x)
            q = turn(self.q(n).view(1, -1, heads, dim).transpose(1, 2), cos, sin)
            k = turn(self.k(n).view(1, -1, kv, dim).transpose(1, 2), cos, sin)
            v = self.v(n).view(1, -1, kv, dim).transpose(1, 2)
            k, v = (t.repeat_interleave(heads // kv, 1) for t in (k, v))
            a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.o(a.transpose(1, 2).reshape(1, -1, heads * dim))
            n = self.n2(x)
            return x + self.down(F.silu(self.gate(n)) * self.up(n))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding.from_pretrained(weights["model.embed_tokens.weight"])
            self.layers = nn.ModuleList(Layer(i) for i in range(c["num_hidden_layers"]))
            self.norm = Norm("model.norm.weight")

        def forward(self, ids, cos, sin):
            x = self.embed(ids)
            for layer in self.layers:
                x = layer(x, cos, sin)
            return self.norm(x)

    return Model().eval(), c


def openvino_engine(folder, threads, dtype):
    import numpy as np
    import openvino as ov
    import torch

    model, c = plain_forward(folder)
    dim = c["head_dim"]
    inverse = 1.0 / c["rope_theta"] ** (np.arange(0, dim, 2) / dim)

    def inputs(ids):
        angles = np.outer(np.arange(len(ids)), inverse)
        angles = np.concatenate([angles, angles], -1)
        return (
            np.array([ids], np.int64),
            np.cos(angles).astype(np.float32),
            np.sin(angles).astype(np.float32),
        )

    example = tuple(torch.from_numpy(x) for x in inputs(list(range(40))))
    with torch.inference_mode():
        converted = ov.convert_model(
            model,
            example_input=example,
            input=[
                ("ids", [1, -1], np.int64),
                ("cos", [-1, dim], np.float32),
                ("sin", [-1, dim], np.float32),
            ],
        )
    del model
    compiled = ov.Core().compile_model(
        converted,
        "CPU",
        {
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[dtype],
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
        },
    )
    request, head = compiled.create_infer_request(), head_of(folder)

    def run(ids, positions):
        request.infer(list(inputs(ids)))
        hidden = request.get_output_tensor(0).data[0]
        return (np.asarray(hidden)[positions].astype(np.float32) @ head).tolist()

    return run


def llama_engine(folder, threads, kind):
    import ctypes

    import llama_cpp
    import numpy as np
    from gguf_file import write_gguf

    path = os.path.join(folder, f"peer-{kind}.gguf")
    if not os.path.exists(path):
        write_gguf(folder, path, kind)
    llama_cpp.llama_backend_init()
    silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
    llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
    mp = llama_cpp.llama_model_default_params()
    mp.n_gpu_layers = 0
    mp.use_mmap = False  # lets ggml repack weights
    model = llama_cpp.llama_model_load_from_file(path.encode(), mp)
    cp = llama_cpp.llama_context_default_params()
    cp.n_ctx = cp.n_batch = 4096
    cp.n_ubatch = 512
    cp.n_threads = cp.n_threads_batch = threads
    cp.embeddings = True
    cp.pooling_type = llama_cpp.LLAMA_POOLING_TYPE_NONE
    context = llama_cpp.llama_init_from_model(model, cp)
    head, hidden = head_of(folder), config_of(folder)["hidden_size"]
    batch = llama_cpp.llama_batch_init(4096, 0, 1)

    def run(ids, positions):
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
        wanted = set(positions)
        batch.n_tokens = len(ids)
        for i, token in enumerate(ids):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, i, 1
            batch.seq_id[i][0], batch.logits[i] = 0, i in wanted
        if llama_cpp.llama_decode(context, batch) != 0:
            raise RuntimeError("llama_decode failed")
        rows = [
            np.ctypeslib.as_array(llama_cpp.llama_get_embeddings_ith(context, p), (hidden,))
            for p in positions
        ]
        return [float(row @ head) for row in rows]

    run.keep = silent
    return run


def main():
    engine, folder, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    family, kind = engine.split("-", 1)
    dtype = {"f32": "float32", "bf16": "bfloat16"}.get(kind)
    make = {"torch": torch_engine, "openvino": openvino_engine, "llama": llama_engine}[family]
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print does not belong to the protocol
    run = make(folder, threads, kind if family == "llama" else dtype)
    for line in sys.stdin:
        case = json.loads(line)
        out.write(json.dumps({"raw": run(case["ids"], case["positions"])}) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
