"""CONTRIBUTING says which files each kind of addition touches: a stranger follows it here.

The tree is copied, a small sample of every kind is applied to the listed files and to no other, the
copy is built once, and each sample is seen to work. Takes a build: only under REWARDD_LONG=1, which
`sh tests/run.sh --long` sets.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rules.tree import Tree

TOP = Path(__file__).resolve().parents[2]
FILES_MAX = 4
LONG = pytest.mark.skipif(
    os.environ.get("REWARDD_LONG") != "1",
    reason="builds a copy of the tree; sh tests/run.sh --long",
)


def insert(text: str, before: str, new: str) -> str:
    assert text.count(before) >= 1, f"no place for the sample: {before!r}"
    return text.replace(before, new + before, 1)


def isa_source(text: str) -> str:
    return text.replace('"avx2"', '"sample"').replace("rw_kernels_avx2", "rw_kernels_sample")


# kind: {file: change of its text; a file that does not exist yet starts as ""}
SAMPLES = {
    "option": {
        "server/options.def": lambda t: insert(
            t,
            'RW_OPTION(dtype, "dtype"',
            'RW_OPTION(sample, "sample-option", COUNT, "7", "N", "an option of a stranger")\n',
        ),
    },
    "flag": {
        "core/shortcut/flag.h": lambda t: re.sub(
            r"(    XX\(OFF_TOPIC_STEPS,[^)]*\))\n",
            r"\1 \\\n    XX(SAMPLE, 'sample_flag', 1, FREE, INFO, "
            r"INFO, STEPS, NONE, NONE)\n".replace("'", '"'),
            t,
        ),
        "core/shortcut/flag.c": lambda t: insert(
            t, "    [RW_FLAG_OFF_TOPIC_STEPS]", '    [RW_FLAG_SAMPLE] = "a sample",\n'
        ),
    },
    "head": {
        "core/model/recipe.h": lambda t: insert(
            t, "};\n\nstruct rw_head_spec", "    RW_HEAD_SAMPLE, /* -(W h + b) */\n"
        ),
        "core/model/head.c": lambda t: insert(
            t,
            "        return;\n    }\n    rw_assert(scratch",
            "        for (uint32_t i = 0; head->type == RW_HEAD_SAMPLE && i < rows * "
            "head->n_out; i++)"
            " {\n            values[i] = -values[i];\n        }\n",
        ),
        "core/model/manifest.c": lambda t: insert(
            t,
            '    } else if (rw_json_is_string(type, "mlp_relu")) {',
            '    } else if (rw_json_is_string(type, "sample")) {\n'
            "        head->type = RW_HEAD_SAMPLE;\n",
        ),
    },
    "endpoint": {
        "server/info.h": lambda t: insert(
            t,
            "void rw_info_livez(",
            "void rw_info_sample(struct rw_service *service, struct rw_exchange *ex);\n",
        ),
        "server/info.c": lambda t: insert(
            t,
            "void rw_info_livez(",
            "void rw_info_sample(struct rw_service *service, struct rw_exchange *ex)\n{\n"
            "    (void)service;\n"
            '    rw_exchange_reply(ex, 200, TEXT, RW_STR("a sample\\n"), NULL);\n}\n\n',
        ),
        "server/router.c": lambda t: insert(
            t,
            '    {GET_ONLY, "/livez"',
            '    {GET_ONLY, "/sample", rw_info_sample, .open = true},\n',
        ),
        "proto/openapi.json": lambda t: json.dumps(add_path(json.loads(t)), indent=2) + "\n",
    },
    "trainer dialect": {
        "proto/sample.c": lambda t: (
            (TOP / "proto/llamafactory.c")
            .read_text()
            .replace("RW_WIRE_LLAMAFACTORY", "RW_WIRE_SAMPLE")
            .replace('"/v1/score/evaluation"', '"/compat/sample"')
        ),
        "proto/wires.def": lambda t: t + "RW_WIRE(RW_WIRE_SAMPLE)\n",
        "proto/meson.build": lambda t: insert(t, "  'slime.c',", "  'sample.c',\n"),
        "proto/openapi.json": lambda t: json.dumps(add_dialect(json.loads(t)), indent=2) + "\n",
    },
    "instruction set": {
        "core/kernels/sample.c": lambda t: isa_source((TOP / "core/kernels/avx2.c").read_text()),
        "core/kernels/tables.h": lambda t: insert(
            t,
            "extern const struct rw_kernels rw_kernels_neon;",
            "extern const struct rw_kernels rw_kernels_sample;\n",
        ),
        "core/kernels/pick.c": lambda t: insert(t, "&rw_kernels_generic", "&rw_kernels_sample, "),
        "core/kernels/meson.build": lambda t: insert(
            t, "    ['avx512', 'avx512.c'", "    ['sample', 'sample.c', ['-mavx2', '-mfma']],\n"
        ),
    },
}


def add_path(document: dict) -> dict:
    answer = {"description": "A sample.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    document["paths"]["/sample"] = {"get": {"summary": "A sample.", "responses": {"200": answer}}}
    return document


def add_dialect(document: dict) -> dict:
    document["paths"]["/compat/sample"] = document["paths"]["/v1/score/evaluation"]
    return document


def listed(kind: str) -> set[str]:
    """The files that CONTRIBUTING lists for a kind: the paths in its paragraph's first line."""
    text = (TOP / "CONTRIBUTING.md").read_text()
    row = re.search(rf"^\| {kind} \|([^|]*)\|", text, re.M)
    assert row is not None, f"CONTRIBUTING has no row for {kind}"
    return set(re.findall(r"`([^`]+)`", row[1]))


@pytest.mark.parametrize("kind", SAMPLES)
def test_the_list_is_true_and_short(kind):
    new = {
        "core/kernels/sample.c": "core/kernels/NAME.c",
        "proto/sample.c": "proto/NAME.c",
    }
    touched = {new.get(file, file) for file in SAMPLES[kind]}
    assert touched == listed(kind) and len(touched) <= FILES_MAX


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A copy of the tree with all samples, and the daemon built from it."""
    copy = tmp_path_factory.mktemp("stranger")
    for file in Tree(TOP).files:
        if not file.startswith(("tests/fuzz/corpus", "tests/golden/scores")):
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TOP / file, copy / file)
    for changes in SAMPLES.values():
        for file, change in changes.items():
            path = copy / file
            path.write_text(change(path.read_text() if path.exists() else ""))
    build = copy / "build-sample"
    # -O1: the samples are to be seen, not measured
    setup = ["meson", "setup", str(build), str(copy), "-Doptimization=1"]
    for command in (setup, ["ninja", "-C", str(build), "server/rewardd"]):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return copy


def get(daemon, path: str) -> bytes:
    with urllib.request.urlopen(daemon.url + path, timeout=10) as reply:
        return reply.read()


@LONG
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the sample instruction set is x86-64's")
def test_every_sample_works(built, tmp_path, monkeypatch):
    sys.path.insert(0, str(TOP / "tests" / "e2e"))
    from daemon import Daemon

    binary = built / "build-sample" / "server" / "rewardd"
    monkeypatch.setenv("REWARDD_BIN", str(binary))
    usage = subprocess.run([binary, "--help"], capture_output=True, text=True, check=True).stdout
    assert "--sample-option" in usage and "an option of a stranger" in usage

    models = [TOP / "deploy/models/rewardd-prm-small", TOP / "deploy/models/rewardd-orm-small"]
    other = tmp_path / "other"
    shutil.copytree(models[1], other, ignore=shutil.ignore_patterns("golden*", "calibration*"))
    manifest = json.loads((other / "rewardd.json").read_text())
    manifest["head"]["type"] = "sample"
    manifest.pop("golden", None)
    (other / "rewardd.json").write_text(json.dumps(manifest))

    body = {"prompt": "2 + 3?", "trace": ["2 + 3 = 5"], "flags": "free", "flags_all": True}
    outcome = {}
    for model in (models[1], other):
        daemon = Daemon(
            [models[0], f"{model}=o"],
            "--kernel",
            "sample",
            "--skip-self-test",
            "--sample-option",
            "9",
        )
        try:
            daemon.wait_ready()
            reply = daemon.post("/v1/rewards", body)
            assert reply["kernel"].startswith("sample")
            assert "sample_flag" in [flag["name"] for flag in reply["results"][0]["flags"]]
            outcome[model] = reply["results"][0]["outcome"]["raw"]
            assert get(daemon, "/sample") == b"a sample\n"
            paths = json.loads(get(daemon, "/openapi.json"))["paths"]
            assert "/sample" in paths and "/compat/sample" in paths
            turns = "<|im_start|>user\n2 + 3?<|im_end|>\n<|im_start|>assistant\n2 + 3 = 5"
            scored = daemon.post("/compat/sample", {"messages": [turns]})
            assert scored["scores"] == [outcome[model]]
        finally:
            daemon.stop()
    assert outcome[other] == -outcome[models[1]] != 0
