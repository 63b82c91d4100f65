"""What is in the wheel besides the client: the daemon and the default models.

They are built with meson from the checkout that this folder lies in and laid where
`rewardd._daemon` looks for them. REWARDD_WHEEL says what is wanted: `daemon` (fail without it),
`client` (a wheel for every platform, no compiler), or `auto`, the default: the daemon where what it
needs is there (a C compiler and the libraries of `sh deploy/deps.sh build`). REWARDD_WHEEL_BUILD
names a meson build folder in which it is built already."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

WISHES = ("auto", "daemon", "client")
LIBRARIES = ("libuv", "libcjson", "sqlite3", "zlib")  # of pkg-config
PREFIX = Path("rewardd/_daemon_files")  # in the wheel


def missing(top: Path) -> str:
    """Why the daemon cannot be built; empty when it can."""
    if not (top / "meson.build").is_file():
        return "this folder lies in no checkout of rewardd"
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        return "there is no C compiler"
    if shutil.which("pkg-config") is None:
        return "there is no pkg-config"
    lacking = [
        name for name in LIBRARIES if subprocess.run(["pkg-config", "--exists", name]).returncode
    ]
    return f"pkg-config does not find {', '.join(lacking)}" if lacking else ""


def build(top: Path, work: Path) -> Path:
    """The installed tree of the daemon: bin/rewardd and share/rewardd/models."""
    given = os.environ.get("REWARDD_WHEEL_BUILD")
    folder = Path(given) if given else work / "build"
    if not given:
        options = ["--prefix=/usr", "--buildtype=release"]
        subprocess.run(["meson", "setup", str(folder), str(top), *options], check=True)
    subprocess.run(["ninja", "-C", str(folder), "server/rewardd"], check=True)
    into = work / "tree"
    (into / "bin").mkdir(parents=True)
    shutil.copy2(folder / "server" / "rewardd", into / "bin" / "rewardd")
    for model in sorted((top / "deploy" / "models").glob("*/rewardd.json")):
        shutil.copytree(model.parent, into / "share/rewardd/models" / model.parent.name)
    return into


class Version(MetadataHookInterface):
    """The version stands in meson.build; a source distribution has it in PKG-INFO."""

    def update(self, metadata: dict[str, Any]) -> None:
        for file in (Path(self.root).parents[1] / "meson.build", Path(self.root) / "PKG-INFO"):
            if file.is_file():
                found = re.search(r"(?mi)^\s*version:\s*'?([0-9][^\s',]*)", file.read_text("utf-8"))
                if found:
                    metadata["version"] = found[1]
                    return
        raise ValueError("neither meson.build nor PKG-INFO says the version")


class Daemon(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        wish = os.environ.get("REWARDD_WHEEL", "auto")
        if wish not in WISHES:
            raise ValueError(f"REWARDD_WHEEL={wish} is none of {', '.join(WISHES)}")
        if wish == "client" or version == "editable":
            return
        top = Path(self.root).parents[1]
        why = missing(top)
        if why and wish == "daemon":
            raise RuntimeError(f"the daemon cannot be built: {why} (sh deploy/deps.sh build)")
        if why:
            self.app.display_warning(f"a wheel without the daemon: {why}")
            return
        self.work = tempfile.TemporaryDirectory(prefix="rewardd-wheel-")
        tree = build(top, Path(self.work.name))
        platform = re.sub(r"[-.]", "_", sysconfig.get_platform())
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        for file in sorted(p for p in tree.rglob("*") if p.is_file()):
            build_data["force_include"][str(file)] = str(PREFIX / file.relative_to(tree))

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if hasattr(self, "work"):
            self.work.cleanup()
