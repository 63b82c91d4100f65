"""The typed options are those of the wire, and a type checker refuses what is none of them."""

import json
import pathlib
import subprocess
import sys
import typing

import pytest

from rewardd import _options

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
SCHEMA = PACKAGE.parents[1] / "proto" / "openapi.json"
WRONG = [
    'c.score("p", text="x", aggregate="median")',
    'c.score("p", text="x", agregate="min")',
    'c.score_items([], run={"name": "r"})',
    'c.score_group("p", ["x"], on_error="zero")',
    'c.stream("p", ["x"], flags="all")',
    'c.score("p", text="x", split=3)',
    "rewardd.Clinet",
    "rewardd.verify([], tolerence=0.1)",
    'c.score_many([]).to_numpy("median")',
]
RIGHT = [
    'c.score("p", steps=["x"], model=False, on_error="none", gate=["min_process"])',
    'c.score_items([], flags="deep", run={"id": "r", "step": 3})',
    'c.score_many([{"prompt": "p", "text": "x"}], batch_size=8, stop_below=0.2)',
    "rewardd.trl.reward_function(c, aggregate='min')",
    'c.score_many([]).to_numpy("steps")',
    'c.score("p", text="x", split="line"); c.score("p", text="x", split=["###"])',
]


@pytest.mark.skipif(not SCHEMA.exists(), reason="the package alone has no schema")
def test_options_are_those_of_the_wire():
    schema = json.loads(SCHEMA.read_text())["components"]["schemas"]
    content = {"prompt", "messages", "trace", "traces", "items", "reference", "stream"}
    assert set(_options.Options.__annotations__) == set(schema["Request"]["properties"]) - content
    assert set(_options.Run.__annotations__) == set(schema["Run"]["properties"])
    for name in ("aggregate", "flags", "overlong", "prompt_gap"):
        hint = _options.Options.__annotations__[name].__forward_arg__
        words = typing.get_args(eval(hint.split(" | ")[0], vars(typing)))
        assert set(words) == set(schema["Request"]["properties"][name]["enum"]) - {None}, name


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("mypy")


@pytest.mark.parametrize(("lines", "errors"), [(WRONG, len(WRONG)), (RIGHT, 0)])
def test_a_type_checker_sees_what_is_wrong(tmp_path, cache, lines, errors):
    pytest.importorskip("mypy")
    source = tmp_path / "use.py"
    source.write_text(
        "import rewardd\nfrom rewardd import Client\nc = Client()\n" + "\n".join(lines) + "\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(cache), str(source)]
    done = subprocess.run(
        command, cwd=PACKAGE, capture_output=True, text=True, env={"MYPYPATH": str(PACKAGE)}
    )
    assert done.stdout.count(": error: ") == errors, done.stdout + done.stderr
