"""What a model is for, in its maker's words: purpose.txt of its folder, shown by /v1/models. No
score and no digest depends on it, and a file that is no such line does not stop the model."""

import json
import os
import shutil
import urllib.request

import pytest
from conftest import TOP
from daemon import Daemon

PRM = os.path.join(TOP, "deploy", "models", "rewardd-prm-small")


def folder(tmp_path, content):
    model = tmp_path / "prm"
    shutil.copytree(PRM, model)
    (model / "purpose.txt").unlink()
    if content is not None:
        (model / "purpose.txt").write_bytes(content)
    return model


def shown(*models):
    with Daemon(models) as d:
        d.wait_ready()
        with urllib.request.urlopen(f"http://127.0.0.1:{d.port}/v1/models", timeout=30) as reply:
            return json.load(reply)["data"]


def test_the_default_models_say_what_they_are_for(rewardd_bin):
    orm = os.path.join(TOP, "deploy", "models", "rewardd-orm-small")
    said = [model["purpose"] for model in shown(PRM, orm)]
    assert all("not a reward to train a policy with" in text.lower() for text in said)


@pytest.mark.parametrize(
    ("content", "purpose"),
    [
        (None, None),
        (b"", None),
        (b"Grades of sums.\nand more\n", "Grades of sums."),
        (b'a "quoted"\tword\r\n', "a ?quoted??word"),
        (b"x" * 600, None),
    ],
)
def test_first_line_or_nothing(rewardd_bin, tmp_path, content, purpose):
    model = shown(folder(tmp_path, content))[0]
    assert model["purpose"] == purpose
    assert model["digest"] == shown(PRM)[0]["digest"]
