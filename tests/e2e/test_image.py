"""The root of the container image, run without a container: collect-image.sh lays it out, chroot
runs it as the image's user.

Shows that the daemon finds every library and both default models in there, needs no shell and no
right to write, answers its own health check, and refuses an open listener without a key."""

import os
import pathlib
import signal
import subprocess
import time
import urllib.request

import pytest
from daemon import free_port

TREE = pathlib.Path(__file__).resolve().parents[2]
USER = "65532:65532"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    root = tmp_path_factory.mktemp("image")
    root.chmod(0o755)
    for folder in root.relative_to("/").parents:
        path = pathlib.Path("/") / folder
        if not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o001)  # pytest's folders are closed to other users
    subprocess.run(
        ["sh", TREE / "deploy/collect-image.sh", os.environ["REWARDD_BUILD"], TREE, root],
        check=True,
        timeout=60,
    )
    return root


def inside(image, *options, **kwargs):
    command = ["chroot", f"--userspec={USER}", image, "/usr/bin/rewardd", *options]
    environment = {"REWARDD_CONFIG": "/etc/rewardd/rewardd.conf"}
    return command, dict(env=environment | {"PATH": os.environ["PATH"]}, text=True, **kwargs)


def test_there_is_no_shell_and_little_else(image):
    assert [p.name for p in (image / "usr/bin").iterdir()] == ["rewardd"]
    libraries = [p.name for p in image.rglob("*.so*")]
    assert len(libraries) < 12, libraries


def test_an_open_listener_without_a_key_is_refused(image):
    command, how = inside(image, "--listen", f"0.0.0.0:{free_port()}", capture_output=True)
    done = subprocess.run(command, timeout=30, **how)
    assert done.returncode != 0
    assert "api-key" in done.stderr + done.stdout


def test_serves_the_default_models(image, tmp_path):
    port = free_port()
    log = (tmp_path / "log").open("w+")
    command, how = inside(
        image,
        "--listen",
        f"127.0.0.1:{port}",
        "--drain-delay",
        "0",
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    daemon = subprocess.Popen(command, **how)
    try:
        end = time.monotonic() + 60
        probe, how = inside(
            image, "--listen", f"127.0.0.1:{port}", "--healthcheck", capture_output=True
        )
        while subprocess.run(probe, timeout=30, **how).returncode != 0:
            assert daemon.poll() is None and time.monotonic() < end, (tmp_path / "log").read_text()
            time.sleep(0.1)
        body = b'{"prompt":"What is 2 + 3?","trace":{"steps":["2 + 3 = 5"]}}'
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/rewards", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            text = reply.read().decode()
        assert '"rewardd-prm-small"' in text and '"rewardd-orm-small"' in text
        assert '"error":null' in text and '"reward":' in text
        status = pathlib.Path(f"/proc/{daemon.pid}/status").read_text()
        assert "Uid:\t65532\t65532" in status
    finally:
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0
