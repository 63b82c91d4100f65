"""The sandbox of a daemon that serves: a system call planted in its process dies, all threads are
bound, nothing outside the run store is written; and what is shipped for systemd."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from fake_daemon import FAKE, TRACE, body_of, post, server, start, status, wait_for  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]

# A library that a test loads into the daemon: a thread that waits for a file and then makes a call.
PLANT = r"""
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/syscall.h>
static void *wait_and_call(void *path) {
    while (access(path, F_OK) != 0) usleep(10000);
    const char *a[4] = {getenv("PLANT_A"), getenv("PLANT_B"), getenv("PLANT_C"), getenv("PLANT_D")};
    syscall(atol(getenv("PLANT")), a[0] ? atol(a[0]) : 0, a[1] ? atol(a[1]) : 0,
            a[2] ? atol(a[2]) : 0, a[3] ? atol(a[3]) : 0);
    return NULL;
}
__attribute__((constructor)) static void begin(void) {
    pthread_t thread;
    if (getenv("PLANT") != NULL) pthread_create(&thread, NULL, wait_and_call, getenv("PLANT_WHEN"));
}
"""

CALLS = {  # x86-64
    "execve": ("59",),
    "ptrace": ("101",),
    "socket AF_PACKET": ("41", "17", "3"),
    "socket AF_INET": ("41", "2", "1"),
    "fork": ("57",),
    "mount": ("165",),
    "unshare": ("272",),
    "executable memory": ("9", "0", "4096", "7", "34"),
    "io_uring": ("425", "1"),
}


@pytest.fixture(scope="module")
def bound():
    """Skips where the kernel or the build has no sandbox."""
    if os.uname().machine != "x86_64" or not os.access(FAKE, os.X_OK):
        pytest.skip("the numbers of the calls are those of x86-64")
    text = subprocess.run(
        [FAKE, "--model", "process", "--listen", "127.0.0.1:0", "--sandbox", "strict"]
        + ["--check-config"],
        capture_output=True,
    )
    assert text.returncode in (0, 1)


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no compiler")
    folder = tmp_path_factory.mktemp("plant")
    (folder / "plant.c").write_text(PLANT)
    words = [compiler, "-shared", "-fPIC", "-pthread", "-o", str(folder / "plant.so")]
    subprocess.run([*words, str(folder / "plant.c")], check=True)
    return folder / "plant.so"


def seccomp_of(daemon):
    """Of every thread of the process: (Seccomp, NoNewPrivs)."""
    found = []
    for task in Path(f"/proc/{daemon.process.pid}/task").iterdir():
        text = (task / "status").read_text()
        words = (r"^Seccomp:\s+(\d+)", r"^NoNewPrivs:\s+(\d+)")
        found.append(tuple(int(re.search(w, text, re.M).group(1)) for w in words))
    return found


def test_every_thread_is_bound(bound, start):
    daemon = start("--prepare-threads", "3")
    if seccomp_of(daemon)[0][0] != 2:
        pytest.skip("no seccomp in this kernel or build")
    assert len(seccomp_of(daemon)) >= 5
    assert set(seccomp_of(daemon)) == {(2, 1)}
    assert set(seccomp_of(start("--sandbox", "off"))) == {(0, 1)}


@pytest.mark.parametrize("name", CALLS)
def test_a_planted_call_dies(bound, start, plant, tmp_path, name):
    when = tmp_path / "now"
    call = dict(zip(("PLANT", "PLANT_A", "PLANT_B", "PLANT_C", "PLANT_D"), CALLS[name]))
    daemon = start(env={"LD_PRELOAD": str(plant), "PLANT_WHEN": str(when), **call})
    if seccomp_of(daemon)[0][0] != 2:
        pytest.skip("no seccomp in this kernel or build")
    assert status(daemon.ask(post(TRACE))) == 200
    when.write_text("")
    assert daemon.wait(10) == -signal.SIGSYS


def test_without_the_sandbox_it_would_live(bound, start, plant, tmp_path):
    """That the planted call is made at all."""
    when = tmp_path / "now"
    planted = {"LD_PRELOAD": str(plant), "PLANT_WHEN": str(when), "PLANT": "231", "PLANT_A": "42"}
    daemon = start("--sandbox", "off", env=planted)  # exit_group(42)
    when.write_text("")
    assert daemon.wait(10) == 42


def test_the_run_store_is_written_and_nothing_else(bound, start, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    run = {**TRACE, "run": {"id": "r", "step": 1}}
    options = ("--runs-db", str(store / "runs.db"), "--sandbox", "strict")
    try:
        daemon = start(*options)
    except RuntimeError as error:
        pytest.skip(str(error))
    for _ in range(5):
        assert status(daemon.ask(post(run))) == 200
    daemon.terminate()
    assert daemon.wait(20) == 0
    again = start(*options)
    reply = again.ask(b"GET /v1/runs/r HTTP/1.0\r\n\r\n")
    assert status(reply) == 200 and b'"traces":5' in body_of(reply).replace(b" ", b"")
    # a damaged file is set aside under another name, in the same folder
    again.terminate()
    again.wait(20)
    assert {p.name.split("-")[0] for p in store.iterdir()} == {"runs.db"}


def test_strict_says_what_is_missing(start):
    """A build under a sanitizer has none to give."""
    words = [FAKE, "--model", "process", "--listen", "127.0.0.1:0", "--sandbox", "strict"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert "ready in" in out or "--sandbox strict" in err


def test_an_unknown_mode(start):
    words = [FAKE, "--model", "process", "--sandbox", "maybe"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and "sandbox" in done.stderr


# ---- systemd -----------------------------------------------------------------


@pytest.fixture
def analyze():
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")

    def run(*words):
        done = subprocess.run(["systemd-analyze", *words], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    return run


def test_the_unit_leaves_little(analyze):
    _, text = analyze("security", "--offline=true", str(ROOT / "deploy/rewardd.service"))
    found = re.search(r"Overall exposure level for rewardd.service: ([\d.]+)", text)
    assert found and float(found.group(1)) <= 1.5, text[-400:]


def test_the_unit_is_valid(analyze, tmp_path):
    unit = (ROOT / "deploy/rewardd.service").read_text()
    unit = unit.replace("/usr/bin/rewardd", FAKE)  # where it is not installed
    (tmp_path / "rewardd.service").write_text(unit)
    code, text = analyze("verify", str(tmp_path / "rewardd.service"))
    assert code == 0 and "rewardd" not in text, text
