"""Fixtures of the end-to-end tests: the built daemon, and tiny random models in the real format."""

import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

from daemon import Daemon  # noqa: E402

PROCESS_MODEL = "Qwen2.5-Math-PRM-7B"  # tiny random weights under the real name and format
OUTCOME_MODEL = "Skywork-Reward-V2-Qwen3-0.6B"


@pytest.fixture(scope="session")
def rewardd_bin():
    path = os.environ.get("REWARDD_BIN") or os.path.join(TOP, "build", "server", "rewardd")
    if not os.path.exists(path):
        pytest.skip("no built daemon: set REWARDD_BIN")
    os.environ["REWARDD_BIN"] = path
    return path


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """Folder with the tiny checkpoints of the oracle; weights come from a seed, nothing is
    loaded."""
    pytest.importorskip("numpy")
    pytest.importorskip("tokenizers")
    out = tmp_path_factory.mktemp("checkpoints")
    maker = os.path.join(TOP, "tests", "oracle", "make_checkpoints.py")
    subprocess.run(
        [
            sys.executable,
            maker,
            str(out),
            "--lengths",
            "1",
            "--only",
            PROCESS_MODEL,
            "--only",
            OUTCOME_MODEL,
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return out


@pytest.fixture(scope="session")
def models(checkpoints):
    return [checkpoints / PROCESS_MODEL, checkpoints / OUTCOME_MODEL]


@pytest.fixture(scope="session")
def daemon(rewardd_bin, models):
    """One daemon with a process and an outcome model, shared by tests that do not stop it."""
    with Daemon(models) as d:
        yield d.wait_ready()
