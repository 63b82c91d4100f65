"""The command `rewardd` of an installed wheel: the daemon that came with it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ABSENT = """\
rewardd: this installation has the Python client only; no daemon came with it.
hint: where a C compiler and the libraries of `sh deploy/deps.sh build` are, install it again:
  REWARDD_WHEEL=daemon pip install --force-reinstall --no-deps ./clients/python
"""


def path() -> Path | None:
    """Where the daemon is; None when this installation has none."""
    file = Path(__file__).parent / "_daemon_files" / "bin" / "rewardd"
    return file if os.access(file, os.X_OK) else None


def main() -> int:
    """Becomes the daemon: signals and exit status are its own."""
    file = path()
    if file is not None:
        os.execv(file, ["rewardd", *sys.argv[1:]])
    sys.stderr.write(ABSENT)
    return 2
