"""core/model/SUPPORTED.md: what becomes of each public reward model, tried on a tiny folder of its
kind (public_models.py).

    REWARDD_BUILD=build python tests/oracle/test_supported.py --write     writes the page again

The test says when the page is stale, and fails when a folder loads and is scored otherwise than by
its authors' recipe in float64. Each folder is tried where huggingface_hub puts it, under a name of
its own, and as /x/model: the two names must give the same.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

import pytest

np = pytest.importorskip("numpy")
tokenizers = pytest.importorskip("tokenizers")
torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checkpoints  # noqa: E402
import layouts  # noqa: E402
import public_models  # noqa: E402
import twin  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

BUILD = os.environ.get("REWARDD_BUILD", "")
DRIVER = os.environ.get("RW_SCORE", os.path.join(BUILD, "tests", "rw-score") if BUILD else "")
pytestmark = pytest.mark.skipif(not DRIVER, reason="RW_SCORE does not name the rw-score program")
PAGE = os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "core", "model", "SUPPORTED.md"
)
TOLERANCE = 1e-4
CASES = [layouts.TEXTS[0], layouts.TEXTS[1]]
HEAD = """# Public reward models

What `rewardd --model DIR` makes of each, written by `tests/oracle/test_supported.py --write`.
Every row was tried on a tiny folder with random weights under the model's class, head, template
family and config keys: *exact* is within 1e-4 of float64 by the authors' own recipe on every
reward of two traces; any other row is refused at load with that sentence. None loads and is
scored otherwise. The real weights were not run.

*From the cache* is `models--org--name/snapshots/...`, where `hf download` and
`snapshot_download` put a model; *elsewhere* is any other path, whatever the folder is called.
Where the two differ, `--model DIR,preset=NAME` settles it.

"""


def run(folder, *options):
    """(scores of the cases, None), or (None, the sentence of the refusal)."""
    lines = "".join(
        json.dumps({"messages": c["messages"], "steps": c["steps"]}) + "\n" for c in CASES
    )
    done = subprocess.run(
        [DRIVER, folder, "--dtype", "f32", *options],
        input=lines.encode(),
        capture_output=True,
        timeout=120,
    )
    out = [json.loads(x) for x in done.stdout.decode().splitlines()]
    if done.returncode == 0:
        assert len(out) == len(CASES), done.stderr.decode()
        return out, None
    sentence = done.stderr.decode().strip().splitlines()[-1]
    for word in (folder, os.path.basename(folder)):
        sentence = sentence.replace(word + ": ", "")
    return None, sentence.split(": ", 1)[-1].split(" (presets: ")[0]  # the list is the help's


def make(name, root):
    """The folder in a Hugging Face cache, under its own name, and as x/model."""
    spec = public_models.MODELS[name]
    path = os.path.join(checkpoints.TOKENIZERS, spec["config"]["tokenizer"], "tokenizer.json")
    own = os.path.join(root, "own", name.split("/")[-1])
    config, recipe = checkpoints.write(own, name, tokenizers.Tokenizer.from_file(path), spec=spec)
    cache = os.path.join(root, "models--" + name.replace("/", "--"), "snapshots", "0" * 40)
    other = os.path.join(root, "x", "model")
    for folder in (cache, other):
        shutil.copytree(own, folder)
    return cache, own, other, config, recipe


def check(spec, folder, config, recipe, out):
    """A folder that loads must be scored as its authors do."""
    assert spec["preset"] is not None, "it loads, and no recipe is known for it"
    layout = layouts.LAYOUTS[spec["preset"]]
    _, tensors = twin.load_folder(folder)
    scored = 0
    for case, got in zip(CASES, out):
        ids, positions = layout.build(folder, config, case)
        if layout.kind == "process" and len(positions) != len(case["steps"]):
            assert got.get("error") == "step_mismatch", got
            continue
        assert "error" not in got, got
        raw, reward = twin.score(config, tensors, recipe, ids, positions)
        assert np.abs(np.array(got["raw"]) - raw).max() < TOLERANCE, (got, raw)
        assert np.abs(np.array(got["reward"]) - reward).max() < TOLERANCE
        scored += 1
    assert scored >= 1


def outcome(name, root):
    """What the page says: (from the cache, elsewhere)."""
    spec = public_models.MODELS[name]
    cache, own, other, config, recipe = make(name, root)
    said = []
    for folder in (cache, own, other):
        out, refusal = run(folder)
        if refusal is None:
            check(spec, folder, config, recipe, out)
        said.append(refusal or "exact")
    assert said[1] == said[2], "the folder's own name decides"
    return ("exact" if said[0] == "exact" else said[0]), said[1]


# Files as these models have them, or as trainers of their kind leave them.
OTHER_FILES = {
    "Skywork/Skywork-o1-Open-PRM-Qwen-2.5-7B": "pytorch_model.bin",
    "peiyi9979/math-shepherd-mistral-7b-prm": "pytorch_model.bin in shards",
    "weqweasdas/RM-Mistral-7B": "pytorch_model.bin in shards",
    "openbmb/UltraRM-13b": "pytorch_model.bin",
    "infly/Universal-PRM-7B": "pytorch_model.bin in shards",
    "berkeley-nest/Starling-RM-7B-alpha": "pytorch_model.bin",
    "UW-Madison-Lee-Lab/VersaPRM-Base-8B": "LoRA, `base=DIR`",
    "UW-Madison-Lee-Lab/Qwen-PRM800K": "LoRA beside its base",
    "a TRL RewardTrainer model without a template": "LoRA, `base=DIR`",
    "Skywork/Skywork-Reward-V2-Qwen3-0.6B": "LoRA beside its base",
    "openreasoner/Math-psa": "LoRA, `base=DIR`",
}


def take_weights(folder):
    tensors = {}
    for file in [f for f in os.listdir(folder) if ".safetensors" in f]:
        path = os.path.join(folder, file)
        tensors |= {} if file.endswith(".json") else load_file(path)
        os.unlink(path)
    return tensors


def put_bin(folder, tensors, shards):
    names = sorted(tensors)
    files = [f"pytorch_model-{i + 1:05}-of-{shards:05}.bin" for i in range(shards)]
    files = files if shards > 1 else ["pytorch_model.bin"]
    for i, file in enumerate(files):
        torch.save({n: tensors[n] for n in names[i::shards]}, os.path.join(folder, file))
    if shards > 1:
        where = {n: files[i % shards] for i, n in enumerate(names)}
        with open(os.path.join(folder, "pytorch_model.bin.index.json"), "w") as f:
            json.dump({"metadata": {}, "weight_map": where}, f)


def put_adapter(folder, tensors):
    """Factors for two linears of each layer; what the merged weights are."""
    draw, factors, merged = torch.Generator().manual_seed(3), {}, dict(tensors)
    for name, w in tensors.items():
        if name.endswith(("q_proj.weight", "v_proj.weight")):
            a = torch.randn(4, w.shape[1], generator=draw) * 0.1
            b = torch.randn(w.shape[0], 4, generator=draw) * 0.1
            module = "base_model.model." + name.removesuffix(".weight")
            factors |= {f"{module}.lora_A.weight": a, f"{module}.lora_B.weight": b}
            merged[name] = (w.double() + 2 * b.double() @ a.double()).float()
    os.makedirs(folder, exist_ok=True)
    save_file(factors, os.path.join(folder, "adapter_model.safetensors"))
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}
    with open(os.path.join(folder, "adapter_config.json"), "w") as f:
        json.dump(config, f)
    return merged


def outcome_of_files(name, root):
    """What the page says of a model whose files are others, under its name in the cache."""
    spec = public_models.MODELS[name]
    cache, _, reference, config, recipe = make(name, root)
    how, options = OTHER_FILES[name], []
    tensors = take_weights(cache)
    if "bin" in how:
        put_bin(cache, tensors, 3 if "shards" in how else 1)
    else:
        save_file(tensors, os.path.join(cache, "model.safetensors"), {"format": "pt"})
        folder = cache
        if "base=" in how:
            options = ["--base", cache]
            folder = cache = os.path.join(root, "adapter")
        take_weights(reference)
        merged = put_adapter(folder, tensors)
        save_file(merged, os.path.join(reference, "model.safetensors"), {"format": "pt"})
    out, refusal = run(cache, *options)
    if refusal is None:
        check(spec, reference, config, recipe, out)
    return refusal or "exact"


def row_of_files(name, said):
    return f"| {name} | {OTHER_FILES[name]} | {said} |".replace(chr(10), " ")


def row(name, said):
    spec = public_models.MODELS[name]
    kind = layouts.LAYOUTS[spec["preset"]].kind if spec["preset"] else ""
    cells = [name, f"`{spec['architecture']}`", kind, said[0]]
    cells.append("the same" if said[1] == said[0] else said[1])
    return "| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in cells) + " |"


FILES_HEAD = """
## Other files

The same folders as `pytorch_model.bin`, in shards, or with a LoRA adapter; an adapter is merged as
peft merges it, and held against float64 of the merged weights.

| model | files | what it gets |
|---|---|---|
"""


def page(rows, files):
    exact = sum(1 for r in rows.values() if r[0] == "exact")
    text = HEAD + f"{len(rows)} models: {exact} exact, {len(rows) - exact} refused.\n\n"
    text += "| model | class | kind | from the cache | elsewhere |\n|---|---|---|---|---|\n"
    text += "\n".join(row(n, rows[n]) for n in sorted(rows, key=str.lower)) + "\n"
    return text + FILES_HEAD + "\n".join(row_of_files(n, said) for n, said in files.items()) + "\n"


@pytest.fixture(scope="module")
def committed():
    with open(PAGE, encoding="utf-8") as f:
        return f.read()


@pytest.mark.parametrize("name", list(public_models.MODELS))
def test_model_is_exact_or_refused(tmp_path, name, committed):
    said = outcome(name, str(tmp_path))
    assert row(name, said) in committed, "stale: python tests/oracle/test_supported.py --write"


def test_the_page_names_every_model(committed):
    assert len(public_models.MODELS) >= 90
    assert committed.count("\n| ") == len(public_models.MODELS) + len(OTHER_FILES) + 2


@pytest.mark.parametrize("name", list(OTHER_FILES))
def test_other_files(tmp_path, name, committed):
    said = outcome_of_files(name, str(tmp_path))
    assert row_of_files(name, said) in committed, "stale: test_supported.py --write"


def write():
    rows, wrong = {}, []
    for name in public_models.MODELS:
        with tempfile.TemporaryDirectory() as root:
            try:
                rows[name] = outcome(name, root)
            except AssertionError as error:
                wrong.append(f"{name}: {error}")
    files = {}
    for name in OTHER_FILES:
        with tempfile.TemporaryDirectory() as root:
            files[name] = outcome_of_files(name, root)
    if wrong:
        sys.exit("\n".join(wrong))
    with open(PAGE, "w", encoding="utf-8") as f:
        f.write(page(rows, files))
    print(page(rows, files))


if __name__ == "__main__" and "--write" in sys.argv:
    write()
