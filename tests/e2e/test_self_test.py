"""A package whose golden vectors are not reproduced is refused; nothing is served."""

import json
import os
import shutil
import subprocess

import pytest

PACKAGE = os.path.join(
    os.path.dirname(__file__), "..", "..", "deploy", "models", "rewardd-prm-small"
)


def start(rewardd_bin, folder):
    try:
        done = subprocess.run(
            [rewardd_bin, "--listen", "127.0.0.1:0", "--model", str(folder)],
            timeout=5,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired as serving:  # it serves until it is stopped
        return None, (serving.stdout or b"").decode() + (serving.stderr or b"").decode()


@pytest.mark.parametrize("shift", [0.0, 1.0, -1.0])
def test_golden_vectors_decide(rewardd_bin, tmp_path, shift):
    folder = tmp_path / "package"
    shutil.copytree(PACKAGE, folder)
    path = folder / "golden.json"
    golden = json.loads(path.read_text())
    vectors = (
        golden
        if isinstance(golden, list)
        else next(v for v in golden.values() if isinstance(v, list))
    )
    vectors[0]["raw"][0] += shift
    path.write_text(json.dumps(golden))
    code, text = start(rewardd_bin, folder)
    if shift == 0.0:
        assert code is None and "ready in" in text, text
    else:
        assert code not in (0, None) and "ready in" not in text, text
        assert "golden" in text, text
