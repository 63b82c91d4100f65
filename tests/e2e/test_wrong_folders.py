"""Folders whose weights somebody quantised, sharded or never gathered: each is refused by name,
with the cure. The tensors have the names, types and shapes that the tools write, and no values.
"""

import json
import os
import shutil
import subprocess

import pytest

MODEL = os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy", "models", "rewardd-orm-small"
)
BYTES = {"BF16": 2, "F16": 2, "F32": 4, "I32": 4, "U32": 4, "I64": 8, "I8": 1, "U8": 1}
BYTES |= {"F8_E4M3": 1, "F8_E5M2": 1}


def shapes():
    """name -> (dtype, shape) of a model that loads."""
    with open(os.path.join(MODEL, "model.safetensors"), "rb") as f:
        header = json.loads(f.read(int.from_bytes(f.read(8), "little")))
    header.pop("__metadata__", None)
    return {k: (v["dtype"], v["shape"]) for k, v in header.items()}


def write(path, tensors):
    header, at = {}, 0
    for name, (dtype, shape) in tensors.items():
        size = BYTES[dtype]
        for n in shape:
            size *= n
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text)
        f.truncate(8 + len(text) + at)


def linears(make):
    """All tensors, those of linear layers as `make(name without .weight, shape)` has them."""
    out = {}
    for name, (dtype, shape) in shapes().items():
        if name.endswith("_proj.weight"):
            out |= make(name.removesuffix(".weight"), shape)
        else:
            out[name] = (dtype, shape)
    return out


def packed(name, shape, *more):
    o, i = shape
    out = {f"{name}.qweight": ("I32", [i // 8, o]), f"{name}.qzeros": ("I32", [1, o // 8])}
    out[f"{name}.scales"] = ("F16", [1, o])
    return out | {f"{name}.{m}": ("I32", [i]) for m in more}


TENSORS = {
    "FP8": lambda n, s: {f"{n}.weight": ("F8_E4M3", s), f"{n}.weight_scale_inv": ("F32", [1, 1])},
    "FP8 or compressed": lambda n, s: {
        f"{n}.weight": ("F8_E4M3", s),
        f"{n}.weight_scale": ("F32", [1]),
        f"{n}.input_scale": ("F32", [1]),
    },
    "GPTQ": lambda n, s: packed(n, s, "g_idx"),
    "AWQ": lambda n, s: packed(n, s),
    "MLX": lambda n, s: {
        f"{n}.weight": ("U32", [s[0], s[1] // 8]),
        f"{n}.scales": ("F16", [s[0], 1]),
        f"{n}.biases": ("F16", [s[0], 1]),
    },
    "bitsandbytes int8": lambda n, s: {f"{n}.weight": ("I8", s), f"{n}.SCB": ("F32", [s[0]])},
    "bitsandbytes": lambda n, s: {
        f"{n}.weight": ("U8", [s[0] * s[1] // 2, 1]),
        f"{n}.weight.absmax": ("U8", [s[0] * s[1] // 64]),
        f"{n}.weight.quant_state.bitsandbytes__nf4": ("U8", [80]),
    },
    "compressed": lambda n, s: {
        f"{n}.weight_packed": ("I32", [s[0], s[1] // 8]),
        f"{n}.weight_scale": ("BF16", [s[0], 1]),
        f"{n}.weight_shape": ("I64", [2]),
    },
    "HQQ": lambda n, s: {f"{n}.W_q": ("U8", [s[0] * s[1] // 2, 1])},
}
METHODS = {
    "FP8": {"quant_method": "fp8", "weight_block_size": [128, 128]},
    "GPTQ": {"quant_method": "gptq", "bits": 4},
    "AWQ": {"quant_method": "awq", "bits": 4},
    "bitsandbytes": {"quant_method": "bitsandbytes", "load_in_4bit": True},
    "MXFP4": {"quant_method": "mxfp4"},
    "compressed": {"quant_method": "compressed-tensors"},
    "MLX": {"group_size": 64, "bits": 4},
    "new": {"quant_method": "new"},
}


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(MODEL, tmp_path / "m")
    return tmp_path / "m"


def complaint(rewardd_bin, folder):
    done = subprocess.run(
        [rewardd_bin, "explain", "--model", str(folder), "--prompt", "a", "--trace", "b"],
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0, done.stdout
    assert "hint: " in done.stderr
    return done.stderr.replace(str(folder), "DIR")


@pytest.mark.parametrize("kind", list(TENSORS))
def test_tensors_tell(rewardd_bin, folder, kind):
    """Even where config.json says nothing."""
    write(folder / "model.safetensors", linears(TENSORS[kind]))
    said = complaint(rewardd_bin, folder)
    assert kind in said and "dtype=int8 or dtype=q4" in said


@pytest.mark.parametrize("kind", list(METHODS))
@pytest.mark.parametrize("key", ["quantization_config", "quantization"])
def test_config_tells(rewardd_bin, folder, kind, key):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, key: METHODS[kind]}))
    said = complaint(rewardd_bin, folder)
    assert f"{key} says that the weights are {kind}" in said and "original checkpoint" in said


# files of the folder -> what is said, and the cure
FILES = {
    "gguf": (["x-q4.gguf"], "holds GGUF files (x-q4.gguf)", "the original Hugging Face folder"),
    "verl": (["model_world_size_2_rank_0.pt"], "FSDP shards", "verl.model_merger merge"),
    "accelerate": (
        ["pytorch_model_fsdp_0/__0_0.distcp"],
        "FSDP",
        "merge-weights DIR/pytorch_model",
    ),
    "distcp": (["__0_0.distcp", ".metadata"], "FSDP shards", "accelerate merge-weights DIR merged"),
    "zero": (
        ["global_step9/zero_pp_rank_0_mp_rank_00_optim_states.pt", "zero_to_fp32.py"],
        "DeepSpeed ZeRO checkpoint",
        "DIR/zero_to_fp32.py DIR merged",
    ),
    "inside zero": (["zero_pp_rank_0_mp_rank_00_model_states.pt"], "ZeRO", "zero_to_fp32.py"),
    "megatron": (["iter_0000010/mp_rank_00/model_optim_rng.pt"], "Megatron", "convert it"),
    "numpy": (["weights.npz"], "only weights.npz", "save_pretrained"),
    "pth": (["consolidated.00.pth"], "only consolidated.00.pth", "save_pretrained"),
    "a lost index": (["model-00001-of-00002.safetensors"], "without their index", "hf download"),
}


@pytest.mark.parametrize("kind", list(FILES))
def test_files_tell(rewardd_bin, folder, kind):
    files, what, cure = FILES[kind]
    (folder / "model.safetensors").unlink()
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    said = complaint(rewardd_bin, folder)
    assert what in said and cure in said


def test_shards_one_folder_below(rewardd_bin, tmp_path):
    """verl's global_step_N/actor."""
    (tmp_path / "m" / "actor").mkdir(parents=True)
    (tmp_path / "m" / "actor" / "model_world_size_1_rank_0.pt").write_bytes(b"x")
    said = complaint(rewardd_bin, tmp_path / "m")
    assert "FSDP shards in actor" in said and "--local_dir DIR/actor" in said


def test_tensors_that_were_never_gathered(rewardd_bin, folder):
    write(folder / "model.safetensors", {k: (d, [0]) for k, (d, _) in shapes().items()})
    said = complaint(rewardd_bin, folder)
    assert "is empty" in said and "ZeRO-3" in said
