"""A model's files change under the daemon: what was read keeps serving, what is torn is refused by
name."""

import os
import shutil
import subprocess
import threading

from daemon import Daemon, free_port

BODY = {"prompt": "What is 2 + 3 * 4?", "trace": {"steps": ["3 * 4 = 12", "2 + 12 = 14"]}}


def copy_of(model, tmp_path):
    folder = tmp_path / model.name
    shutil.copytree(model, folder)
    return folder


def test_truncated_while_served(models, rewardd_bin, tmp_path):
    """Weights are read, not mapped: no SIGBUS, the same bits, and an error at the next start."""
    folder = copy_of(models[0], tmp_path)
    with Daemon([folder]) as daemon:
        daemon.wait_ready()
        before = daemon.post("/v1/rewards", BODY)["results"]
        for name in os.listdir(folder):
            os.truncate(folder / name, 0)
        fresh = {**BODY, "prompt": "And what is 3 + 4?"}
        assert daemon.post("/v1/rewards", BODY)["results"] == before
        assert daemon.post("/v1/rewards", fresh)["results"][0]["error"] is None
    out = subprocess.run(
        [rewardd_bin, "--model", str(folder), "--listen", f"127.0.0.1:{free_port()}"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert out.returncode == 1 and str(folder) in out.stderr and "config.json" in out.stderr


def test_truncated_while_it_is_loaded(models, rewardd_bin, tmp_path):
    """Cut at random moments of a start: the daemon comes up with true scores, or ends with the
    file's name."""
    folder = copy_of(models[0], tmp_path)
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    with Daemon([folder]) as daemon:
        want = daemon.wait_ready().post("/v1/rewards", BODY)["results"]
    refused = 0
    for i in range(12):
        weights.write_bytes(whole)
        daemon = Daemon([folder])
        cutter = threading.Timer(0.004 * i, os.truncate, (weights, len(whole) // 2))
        cutter.start()
        try:
            daemon.wait_ready()
            assert daemon.post("/v1/rewards", BODY)["results"] == want
        except RuntimeError:
            assert daemon.process.returncode == 1, daemon.log
            assert "model.safetensors" in daemon.log
            refused += 1
        finally:
            cutter.join()
            daemon.stop()
    assert refused > 0
