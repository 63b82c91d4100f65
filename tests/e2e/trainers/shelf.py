"""The clients on the shelf: their own files out of their wheels, unmodified, with stubs for heavy
imports. What is not on the shelf (fetch.sh) is skipped."""

import ast
import asyncio
import contextlib
import importlib
import importlib.util
import os
import sys
import types
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("REWARDD_CACHE", Path.home() / ".cache/rewardd"))
TOP = Path(__file__).resolve().parents[3]
SMALL = [TOP / "deploy" / "models" / name for name in ("rewardd-prm-small", "rewardd-orm-small")]


def folder(name, version):
    """Where fetch.sh put it."""
    path = CACHE / "trainers" / f"{name}-{version}"
    if not (path / ".whole").exists():
        pytest.skip(f"{name} {version} is not in the cache: sh tests/e2e/trainers/fetch.sh")
    return path


def checkout(variable, inside, wheel=None):
    """A git checkout that the environment names, for clients that live in git; without one the
    wheel (name and version), where there is one."""
    path = os.environ.get(variable)
    if not path and wheel is not None:
        path = folder(*wheel)
    if not path:
        pytest.skip(f"no registry has it, and {variable} names no checkout of {inside}")
    assert (Path(path) / inside).exists(), f"{variable}={path} has no {inside}"
    return Path(path)


class Stub(types.ModuleType):
    """A module that is not there: every name in it is a class that does nothing."""

    __path__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        found = type(name, (), {"__init__": lambda self, *a, **k: None})
        setattr(self, name, found)
        return found


def package(path, **names):
    """A package whose __init__ is not run; its files are imported from `path` when asked for."""
    module = types.ModuleType("package")
    module.__path__ = [str(path)]
    vars(module).update(names)
    return module


class Imports:
    """sys.modules and sys.path as they were before, afterwards."""

    def __init__(self, monkeypatch):
        self.monkeypatch = monkeypatch

    def stub(self, *names, **modules):
        for name in names:
            self.put(name, Stub(name))
        for name, module in modules.items():
            self.put(name.replace("__", "."), module)

    def put(self, name, module):
        """Under its name, and as an attribute of its package."""
        if isinstance(module, types.ModuleType):
            module.__name__ = name
        self.monkeypatch.setitem(sys.modules, name, module)
        above, _, last = name.rpartition(".")
        if above in sys.modules:
            self.monkeypatch.setattr(sys.modules[above], last, module, raising=False)

    def forget(self, root):
        """The package and what is in it, now and after the test."""
        for name in [n for n in sys.modules if n == root or n.startswith(root + ".")]:
            self.monkeypatch.delitem(sys.modules, name)

    def file(self, name, path):
        """The module of that file, under that name."""
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        self.put(name, module)
        spec.loader.exec_module(module)
        return module

    def path(self, path):
        self.monkeypatch.syspath_prepend(str(path))


@contextlib.contextmanager
def importing(root):
    """Imports that forget the package `root` before and after."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        imports = Imports(monkeypatch)
        imports.forget(root)
        before = set(sys.modules)
        yield imports
        for name in set(sys.modules) - before:
            if name == root or name.startswith(root + "."):
                del sys.modules[name]
    importlib.invalidate_caches()


def without_waiting(module, kind="time"):
    """The module's own clock: its pauses between tries take no time, and are counted."""
    pauses = []
    if kind == "time":
        clock = types.SimpleNamespace(**vars(module.time))
        clock.sleep = pauses.append
        module.time = clock
    else:
        clock = types.SimpleNamespace(**vars(asyncio))

        async def sleep(seconds):
            pauses.append(seconds)

        clock.sleep = sleep
        module.asyncio = clock
    return pauses


class Ray(types.ModuleType):
    """Ray in one process: what is remote is called at once."""

    def __init__(self):
        super().__init__("ray")

    @staticmethod
    def remote(*given, **options):
        if options:
            return Ray.remote
        (what,) = given
        what.remote = what
        return what

    @staticmethod
    def get(found):
        return found


def parts(path, *names, **scope):
    """Functions, classes and methods ("Class.method") of a file that cannot be imported without its
    dependencies: their own source, compiled in `scope`."""
    tree = ast.parse(path.read_text())
    found = []
    for name in names:
        owner, _, last = name.rpartition(".")
        body = tree.body
        if owner:
            body = next(n.body for n in body if isinstance(n, ast.ClassDef) and n.name == owner)
        node = next(n for n in body if getattr(n, "name", None) == last)
        node.decorator_list = []
        exec(compile(ast.Module([node], []), str(path), "exec"), scope)
        found.append(scope[last])
    return found if len(found) > 1 else found[0]
