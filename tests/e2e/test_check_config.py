"""--check-config names every fault that a start would meet, and only those."""

import json
import os
import shutil
import socket
import subprocess

import pytest

MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy", "models")
PRM = os.path.join(MODELS, "rewardd-prm-small")
ORM = os.path.join(MODELS, "rewardd-orm-small")


def check(rewardd_bin, *arguments, env=None):
    done = subprocess.run(
        [rewardd_bin, "--check-config", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **(env or {})},
    )
    faults = [line for line in done.stderr.splitlines() if line.startswith("rewardd: ")]
    assert (done.returncode == 2) == bool(faults), done.stderr
    assert ("can be used" in done.stdout) == (not faults)
    return faults


def serve(rewardd_bin, *arguments):
    """What a start says; it must not come up."""
    done = subprocess.run(
        [rewardd_bin, *map(str, arguments)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    return done.stderr


def with_bank(tmp_path, change):
    folder = tmp_path / "banked"
    shutil.copytree(PRM, folder)
    path = folder / "calibration.json"
    path.write_text(change(path.read_text()))
    return folder


def test_a_good_one(rewardd_bin, tmp_path):
    assert check(rewardd_bin, "--model", PRM, "--model", ORM, "--listen", "127.0.0.1:0") == []
    path = tmp_path / "runs.db"
    assert check(rewardd_bin, "--model", PRM, "--listen", "127.0.0.1:0", "--runs-db", path) == []
    assert not path.exists()
    sock = tmp_path / "s"
    assert check(rewardd_bin, "--model", PRM, "--listen", f"unix:{sock}") == []
    assert not sock.exists()


def test_six_faults_are_six_names(rewardd_bin, tmp_path):
    """One file with six faults: each is named."""
    bank = with_bank(tmp_path, lambda text: text[: len(text) // 2])
    config = tmp_path / "rewardd.conf"
    config.write_text(
        "kernel = foo\n"
        f"model = {ORM}=same\nmodel = {ORM}=same\nmodel = {bank}\nmodel = {tmp_path}/nowhere\n"
        f"runs-db = {tmp_path}/no/such/runs.db\n"
        "api-key-file = /dev/null\nlisten = 127.0.0.1:0\n"
    )
    faults = check(rewardd_bin, "--config", config)
    for said in (
        "kernel foo is unknown",
        "two models are named same",
        "calibration.json",
        "nowhere",
        "--runs-db",
        "--api-key-file /dev/null",
    ):
        assert sum(said in fault for fault in faults) == 1, (said, faults)
    assert len(faults) == 6


def test_faults_of_the_file_itself(rewardd_bin, tmp_path):
    """Unknown keys, wrong values and lines that are none, each with its line; and in the other
    places where options come from."""
    config = tmp_path / "rewardd.conf"
    config.write_text(
        f"modle = x\nmodel = {ORM}\nbody-max = many\nnonsense\ndtype = f99\n"
        "listen = here\nlog-level = loud\ntemplate-date = tomorrow\nprepare-threads = 99\n"
    )
    faults = check(
        rewardd_bin,
        *("--config", config, "--threads", "x", "--nosuch", "--access-log", "some"),
        env={"REWARDD_TEXT_MAX": "huge"},
    )
    for said in (
        "rewardd.conf:1",
        "rewardd.conf:3",
        "rewardd.conf:4",
        "dtype",
        "listen",
        "log-level",
        "template-date",
        "prepare-threads",
        "threads",
        "nosuch",
        "access-log",
        "REWARDD_TEXT_MAX",
    ):
        assert any(said in fault for fault in faults), (said, faults)


@pytest.fixture
def busy():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        yield s.getsockname()[1]


def test_what_serving_refuses_is_refused(rewardd_bin, tmp_path, busy):
    """One fault at a time: both refuse, and the check says what the start says."""
    short = tmp_path / "keys"
    short.write_text("short\n")
    other = tmp_path / "notes.db"
    other.write_text("no database " * 100)
    plain = tmp_path / "plain"
    plain.write_text("")
    free = ("--listen", "127.0.0.1:0")
    model = ("--model", ORM)
    cases = [
        (*model, *free, "--kernel", "sparc"),
        (*model, *free, "--chunk-tokens", "99999999"),
        (*model, *model, *free),
        (*model, "--model", f"{PRM}=rewardd-orm-small", *free),
        (*model, *free, "--api-key-file", short),
        (*model, *free, "--api-key-file", tmp_path / "none"),
        (*model, *free, "--runs-db", other),
        (*model, *free, "--runs-db", tmp_path / "no" / "runs.db"),
        (*model, *free, "--runs-window", "1"),
        (*model, "--listen", f"127.0.0.1:{busy}"),
        (*model, "--listen", "10.255.255.1:0", "--insecure"),
        (*model, "--listen", "0.0.0.0:0"),
        (*model, "--listen", "example.org:80", "--insecure"),
        (*model, "--listen", f"unix:{tmp_path}/no/s"),
        (*model, "--listen", f"unix:{plain}"),
        (*model, "--listen", "unix:" + "x" * 200),
        (*model, *free, "--metrics-listen", f"127.0.0.1:{busy}"),
        (*free,),
        ("--model", f"{ORM}={'n' * 200}", *free),
        ("--model", f"{ORM},preset=none", *free),
        ("--model", f"{ORM},base={PRM}", *free),
        ("--model", tmp_path, *free),
    ]
    for case in cases:
        faults = check(rewardd_bin, *case)
        assert len(faults) == 1, (case, faults)
        said = serve(rewardd_bin, *case)
        named = str(case[-1]).removeprefix(
            "unix:"
        )  # of a file that is not made, the place at least
        assert faults[0].removeprefix("rewardd: ") in said or named in faults[0], (faults, said)


def test_a_bank_of_another_model(rewardd_bin, tmp_path):
    def rename(text):
        bank = json.loads(text)
        digest = json.loads(text)["model"] if "model" in bank else None
        return text.replace(digest, "0" * 64) if digest else "{}"

    faults = check(rewardd_bin, "--model", with_bank(tmp_path, rename), "--listen", "127.0.0.1:0")
    assert len(faults) == 1 and "calibration.json" in faults[0]
