"""Random weights that any language can make again, and a writer of safetensors.

Value i of tensor NAME is uniform in [-1, 1): splitmix64 of (FNV-1a(NAME) + i), top 24 bits. It is
scaled so that activations keep their size and attention is far from uniform: a model whose scores
do not move when RoPE or a window is wrong tests nothing.
"""

import json
import os

import numpy as np

M64 = (1 << 64) - 1


def fnv1a(text, seed):
    h = 0xCBF29CE484222325 ^ seed
    for byte in text.encode():
        h = (h ^ byte) * 0x100000001B3 & M64
    return h


def uniform(name, count, seed=0):
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a(name, seed)) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(
            0x9E3779B97F4A7C15
        )
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / (1 << 23) - 1.0


def scale_of(name, shape):
    """(center, half width) of the uniform distribution of a tensor."""
    if "norm" in name:
        return 1.0, 0.3
    if name.endswith("bias"):
        return 0.0, 0.3
    if "embed" in name:
        return 0.0, 0.5
    gain = (
        2.4 if any(s in name for s in ("q_proj", "k_proj", "wqkv")) else 1.7
    )  # sqrt(3) keeps variance
    return 0.0, gain / np.sqrt(shape[-1])


def make(shapes, seed=0):
    out = {}
    for name, shape in shapes.items():
        center, half = scale_of(name, shape)
        values = center + half * uniform(name, int(np.prod(shape)), seed)
        out[name] = values.astype(np.float32).reshape(shape)
    return out


def to_bytes(array, dtype):
    if dtype == "F32":
        return array.astype("<f4").tobytes()
    if dtype == "F16":
        return array.astype("<f2").tobytes()
    bits = array.astype(np.float32).view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + ((bits >> np.uint64(16)) & np.uint64(1))) >> np.uint64(
        16
    )  # nearest, ties to even
    return bits.astype("<u2").tobytes()


def write_safetensors(path, tensors, dtype, head_dtype=None):
    header, blobs, offset = {"__metadata__": {"format": "pt"}}, [], 0
    for name, array in tensors.items():
        kind = head_dtype if head_dtype and not name.startswith(("model.", "lm_head")) else dtype
        blob = to_bytes(array, kind)
        header[name] = {
            "dtype": kind,
            "shape": list(array.shape),
            "data_offsets": [offset, offset + len(blob)],
        }
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text + b"".join(blobs))
    return offset


def write_checkpoint(folder, tensors, dtype, shards=1, head_dtype=None):
    if shards == 1:
        write_safetensors(os.path.join(folder, "model.safetensors"), tensors, dtype, head_dtype)
        return
    names = list(tensors)
    per, weight_map, total = -(-len(names) // shards), {}, 0
    for s in range(shards):
        part = {n: tensors[n] for n in names[s * per : (s + 1) * per]}
        file = f"model-{s + 1:05d}-of-{shards:05d}.safetensors"
        total += write_safetensors(os.path.join(folder, file), part, dtype, head_dtype)
        weight_map.update(dict.fromkeys(part, file))
    with open(os.path.join(folder, "model.safetensors.index.json"), "w", encoding="utf-8") as f:
        json.dump({"metadata": {"total_size": total}, "weight_map": weight_map}, f, indent=1)
