"""pytorch_model.bin and its shards score as the same tensors in safetensors do, to the bit.

RW_SCORE=build/tests/rw-score pytest tests/oracle/test_torch_files.py
"""

import json
import os
import pickle
import struct
import subprocess
import zipfile
from collections import OrderedDict

import make_checkpoints
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
safetensors_torch = pytest.importorskip("safetensors.torch")

BUILD = os.environ.get("REWARDD_BUILD", "")
DRIVER = os.environ.get("RW_SCORE", os.path.join(BUILD, "tests", "rw-score") if BUILD else "")
pytestmark = pytest.mark.skipif(not DRIVER, reason="RW_SCORE does not name the rw-score program")
NAMES = ["trl-Qwen3-PRM", "Qwen2.5-Math-PRM-7B", "math-shepherd-mistral-7b-prm"]
CASES = [{"ids": [5, 6, 7, 20, 21], "positions": [2, 4]}, {"ids": [9] * 40, "positions": [39]}]


def run(folder):
    lines = "".join(json.dumps(c) + "\n" for c in CASES)
    return subprocess.run([DRIVER, str(folder)], input=lines.encode(), capture_output=True)


@pytest.fixture(params=NAMES)
def folder(request, tmp_path):
    make_checkpoints.build(str(tmp_path), request.param, [])
    return tmp_path / request.param


def take_tensors(folder):
    tensors = {}
    for path in list(folder.glob("*.safetensors")):
        tensors |= safetensors_torch.load_file(path)
        path.unlink()
    for path in folder.glob("*.index.json"):
        path.unlink()
    return tensors


def plain(folder):
    done = run(folder)
    assert b'"raw"' in done.stdout, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_one_file(folder, protocol):
    expected = plain(folder)
    tensors = take_tensors(folder)
    torch.save(tensors, folder / "pytorch_model.bin", pickle_protocol=protocol)
    assert plain(folder) == expected


def test_views_of_one_storage_and_parameters(folder):
    expected = plain(folder)
    tensors = take_tensors(folder)
    whole = torch.cat([t.float().flatten() for t in tensors.values()])
    at, views = 0, {}
    for name, t in tensors.items():
        view = whole[at : at + t.numel()].view(t.shape)
        views[name] = torch.nn.Parameter(view) if t.dtype == torch.float32 else t
        at += t.numel()
    torch.save({"state_dict": views, "epoch": 3, "lr": 1e-4}, folder / "pytorch_model.bin")
    assert plain(folder) == expected


def test_shards(folder):
    expected = plain(folder)
    tensors = take_tensors(folder)
    names = sorted(tensors)
    files = [f"pytorch_model-0000{i + 1}-of-00003.bin" for i in range(3)]
    for i, file in enumerate(files):
        torch.save({n: tensors[n] for n in names[i::3]}, folder / file)
    where = {n: files[i % 3] for i, n in enumerate(names)}
    with open(folder / "pytorch_model.bin.index.json", "w") as f:
        json.dump({"metadata": {}, "weight_map": where}, f)
    assert plain(folder) == expected


def write_zip64(path):
    """The same members with every size and offset in zip64 fields, as torch writes behind 4 GiB."""
    with zipfile.ZipFile(path) as archive:
        members = [(i.filename.encode(), i.CRC, archive.read(i)) for i in archive.infolist()]
    wide, out, central = 0xFFFFFFFF, b"", b""
    for name, crc, data in members:
        sizes = struct.pack("<QQ", len(data), len(data))
        extra = struct.pack("<HH", 1, 24) + sizes + struct.pack("<Q", len(out))
        head = struct.pack("<HHHHHIIIHH", 45, 0, 0, 0, 0, crc, wide, wide, len(name), len(extra))
        central += b"PK\x01\x02" + struct.pack("<H", 45) + head
        central += struct.pack("<HHHII", 0, 0, 0, 0, wide) + name + extra
        local = struct.pack("<HH", 1, 16) + sizes
        out += b"PK\x03\x04" + head[:-2] + struct.pack("<H", len(local)) + name + local + data
    n, begin, end = len(members), len(out), len(out) + len(central)
    out += central + b"PK\x06\x06"
    out += struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, n, n, len(central), begin)
    out += b"PK\x06\x07" + struct.pack("<IQI", 0, end, 1)
    out += b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, wide, wide, 0)
    path.write_bytes(out)


def test_zip64(folder):
    expected = plain(folder)
    torch.save(take_tensors(folder), folder / "pytorch_model.bin")
    write_zip64(folder / "pytorch_model.bin")
    assert torch.load(folder / "pytorch_model.bin", weights_only=True)
    assert plain(folder) == expected


@pytest.mark.skipif(os.environ.get("REWARDD_LONG") != "1", reason="writes 4.5 GB")
def test_weights_behind_four_gigabytes(tmp_path):
    make_checkpoints.build(str(tmp_path), NAMES[0], [])
    folder = tmp_path / NAMES[0]
    expected = plain(folder)
    tensors = {"a": torch.zeros((9 << 30) // 2, dtype=torch.uint8)} | take_tensors(folder)
    torch.save(tensors, folder / "pytorch_model.bin")
    assert (folder / "pytorch_model.bin").stat().st_size > 4 << 30
    assert plain(folder) == expected


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_every_dtype_and_views_with_an_offset(folder, dtype):
    """One storage for all tensors; a parameter, a nested OrderedDict, a tied second name."""
    tensors = {name: t.to(dtype) for name, t in take_tensors(folder).items()}
    safetensors_torch.save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    expected = plain(folder)
    (folder / "model.safetensors").unlink()
    whole, at, views = torch.cat([t.flatten() for t in tensors.values()]), 7, OrderedDict()
    whole = torch.cat([torch.full((7,), 9.0, dtype=dtype), whole])
    for name, t in tensors.items():
        views[name] = whole[at : at + t.numel()].view(t.shape)
        at += t.numel()
    first = next(iter(views))
    views["again." + first] = views[first]
    views[first] = torch.nn.Parameter(views[first])
    views._metadata = OrderedDict({"": {"version": 1}})
    for root in (views, OrderedDict({"model_state_dict": views, "step": 3})):
        torch.save(root, folder / "pytorch_model.bin")
        assert plain(folder) == expected


def test_safetensors_come_first(folder):
    expected = plain(folder)
    with open(folder / "pytorch_model.bin", "wb") as f:
        f.write(b"rubbish")
    assert plain(folder) == expected


def refusal(folder):
    done = run(folder)
    assert b'"raw"' not in done.stdout
    return done.stderr.decode()


def test_what_is_refused(tmp_path):
    make_checkpoints.build(str(tmp_path), NAMES[0], [])
    folder = tmp_path / NAMES[0]
    tensors = take_tensors(folder)
    path = folder / "pytorch_model.bin"
    turned = dict(tensors)
    name = next(n for n, t in tensors.items() if t.dim() == 2)
    turned[name] = tensors[name].t().contiguous().t()
    torch.save(turned, path)
    assert "transposed" in refusal(folder) and name in refusal(folder)
    torch.save(tensors, path, _use_new_zipfile_serialization=False)
    assert "torch before 1.6" in refusal(folder)
    torch.save({**tensors, name: torch._neg_view(tensors[name])}, path)
    assert "negative or conjugate" in refusal(folder) and "resolve_neg" in refusal(folder)
    torch.save(tensors, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other/data.pkl", b"x")
    assert "there twice" in refusal(folder)
    torch.save(tensors, path, pickle_protocol=1)
    assert "opcode" in refusal(folder) and "safetensors.torch.save_file" in refusal(folder)
    torch.save({"model": torch.nn.Linear(2, 2)}, path)
    assert "torch.nn.modules.linear.Linear" in refusal(folder)

    class Evil:
        def __reduce__(self):
            return os.system, ("touch " + str(tmp_path / "owned"),)

    torch.save({**tensors, "x": Evil()}, path)
    assert ".system" in refusal(folder)
    assert not (tmp_path / "owned").exists()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "cut off" in refusal(folder)
    path.write_bytes(pickle.dumps({"a": 1}))
    assert "no zip archive" in refusal(folder)
