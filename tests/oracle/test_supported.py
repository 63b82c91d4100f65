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
pytest.importorskip("transformers")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checkpoints  # noqa: E402
import layouts  # noqa: E402
import public_models  # noqa: E402
import twin  # noqa: E402

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


def run(folder):
    """(scores of the cases, None), or (None, the sentence of the refusal)."""
    lines = "".join(
        json.dumps({"messages": c["messages"], "steps": c["steps"]}) + "\n" for c in CASES
    )
    done = subprocess.run(
        [DRIVER, folder, "--dtype", "f32"], input=lines.encode(), capture_output=True, timeout=120
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


def row(name, said):
    spec = public_models.MODELS[name]
    kind = layouts.LAYOUTS[spec["preset"]].kind if spec["preset"] else ""
    cells = [name, f"`{spec['architecture']}`", kind, said[0]]
    cells.append("the same" if said[1] == said[0] else said[1])
    return "| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in cells) + " |"


def page(rows):
    exact = sum(1 for r in rows.values() if r[0] == "exact")
    text = HEAD + f"{len(rows)} models: {exact} exact, {len(rows) - exact} refused.\n\n"
    text += "| model | class | kind | from the cache | elsewhere |\n|---|---|---|---|---|\n"
    return text + "\n".join(row(n, rows[n]) for n in sorted(rows, key=str.lower)) + "\n"


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
    assert committed.count("\n| ") == len(public_models.MODELS) + 1


def write():
    rows, wrong = {}, []
    for name in public_models.MODELS:
        with tempfile.TemporaryDirectory() as root:
            try:
                rows[name] = outcome(name, root)
            except AssertionError as error:
                wrong.append(f"{name}: {error}")
    if wrong:
        sys.exit("\n".join(wrong))
    with open(PAGE, "w", encoding="utf-8") as f:
        f.write(page(rows))
    print(page(rows))


if __name__ == "__main__" and "--write" in sys.argv:
    write()
