"""Which folder may include which, inside which there may be no circle, and what nobody calls.

ARROWS is the whole graph: an include between folders that it does not list fails, and so does an
arrow that no include needs any more. Every arrow goes from a row to a row above it, so the graph
has no circle; UP lists what does not, with the reason it stays.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from rules.tree import Finding, Tree, cycles, line_of

# fmt: off
ARROWS: dict[str, dict[str, str]] = {
    "core/base": {},
    "core/io": {"core/base": "files, buffers, errors"},
    "core/text": {"core/base": "strings, hashes, errors", "core/io": "tokenizer.json is JSON"},
    "core/kernels": {"core/base": "assertions, threads' memory, bf16"},
    "core/model": {
        "core/base": "arenas, strings, errors",
        "core/io": "checkpoints, rewardd.json",
        "core/text": "prompts are tokenised with the layout",
        "core/kernels": "the forward pass calls them",
    },
    "core": {
        "core/base": "rw_engine.h speaks of strings and errors",
        "core/model": "rw_engine.h speaks of inputs and packages",
    },
    "core/engine": {
        "core": "implements rw_engine.h",
        "core/base": "clock, threads, errors",
        "core/kernels": "owns the compute team",
        "core/model": "runs its forward pass",
    },
    "core/answer": {"core/base": "rationals, strings"},
    "core/equation": {"core/base": "rationals, strings"},
    "core/run": {"core/base": "arenas, hashes"},
    "core/shortcut": {
        "core/base": "arenas, strings",
        "core/io": "banks are JSON files",
        "core/answer": "a signal compares final answers",
        "core/equation": "a signal checks equations",
    },
    "core/probe": {
        "core": "probes are jobs of the engine",
        "core/base": "arenas, strings",
        "core/io": "audit notes are JSON files",
        "core/answer": "alternatives to a reference answer",
        "core/shortcut": "edits in, signals out",
    },
    "core/bench": {
        "core": "measures the engine as its users see it",
        "core/base": "clock",
        "core/engine": "random weights go in without a file",
        "core/kernels": "measures kernels alone",
        "core/model": "makes configurations and weights",
        "core/text": "makes a tokenizer",
    },
    "proto": {"core/base": "strings, buffers, errors"},
    "server/base": {
        "core/base": "clock, log",
        "core/shortcut": "flags are counted by name",
    },
    "server/http": {
        "core/base": "clock, buffers",
        "server/base": "reading and writing go on as turns",
        "proto": "errors on the wire",
    },
    "server/runs": {
        "core/base": "clock, buffers",
        "core/run": "a monitor per run",
        "core/shortcut": "names of signals",
        "proto": "writes JSON",
        "server/http": "answers go into exchanges",
    },
    "server/verify": {
        "core/answer": "verdicts on answers",
        "proto": "verdicts on the wire",
    },
    "server/scoring": {
        "core/answer": "the final answer of a trace of a run",
        "core": "jobs in, rewards out",
        "core/base": "clock, arenas",
        "core/probe": "flags",
        "core/shortcut": "banks and signals",
        "proto": "requests and replies",
        "server/base": "everything long is a turn, and counted",
        "server/http": "dialects answer an exchange",
        "server/runs": "a scored trace is observed",
        "server/verify": "verdicts in replies",
    },
    "server/ui": {
        "core/base": "strings, errors",
        "server/http": "files go into exchanges",
    },
    "server/commands": {
        "core": "audit and calibrate score without a server",
        "core/base": "arenas, clock",
        "core/answer": "final answers of samples",
        "core/bench": "`rewardd bench`",
        "core/io": "samples are JSON",
        "core/probe": "flags of samples",
        "core/shortcut": "banks are made here",
        "proto": "writes JSON",
        "server/verify": "`rewardd verify-answers`",
    },
    "server": {
        "core": "rw_engine.h",
        "core/base": "clock, log",
        "proto": "errors, JSON",
        "server/base": "turns and counters are the service's",
        "server/http": "the router reads heads",
        "server/runs": "starts and ends it",
        "server/scoring": "routes to its handlers",
        "server/ui": "routes to the page",
        "server/commands": "main dispatches to them",
    },
}

# Includes that go up, to be ended or to stay for the reason given.
UP: dict[tuple[str, str], str] = {
    ("server/scoring", "server"): "the bridge loads what the options name",
    ("server/commands", "server"): "commands share the option table",
}
# fmt: on

SOURCES = ("core/", "proto/", "server/")
FOREIGN_IN_CORE = re.compile(r"<(uv\.h|llhttp\.h|cJSON\.h|cjson/|sqlite3\.h)")
NOT_CALLED = re.compile(r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|strtok|gets|atoi|alloca)\s*\(")
PLAIN_ASSERT = re.compile(r"(?<![\w])assert\s*\(|#\s*include\s+<assert\.h>")
HEAP = re.compile(r"(?<![\w.>])(malloc|calloc|realloc|free|strdup|strndup|posix_memalign)\s*\(")
HEAP_OWNER = "core/base/alloc.c"
CPP_WORDS = re.compile(r"\b(class|operator|new|delete|template|typename|namespace|virtual|this)\b")


def folder_edges(tree: Tree) -> Iterator[tuple[str, str, str, int]]:
    """(from folder, to folder, file, line) of every include between folders of the product."""
    for file in tree.c_files(*SOURCES):
        for header, line in tree.includes(file):
            here, there = os.path.dirname(file), os.path.dirname(header)
            if here != there:
                yield here, there, file, line


def between_folders(tree: Tree) -> Iterator[Finding]:
    used: set[tuple[str, str]] = set()
    for here, there, file, line in folder_edges(tree):
        used.add((here, there))
        if there not in ARROWS.get(here, {}) and (here, there) not in UP:
            yield Finding(
                "arrows", file, line, f"{here} may not include {there} (tests/rules/arrows.py)"
            )
    listed = {(here, there) for here, row in ARROWS.items() for there in row} | set(UP)
    for here, there in sorted(listed - used):
        if here in tree.folders:
            yield Finding(
                "arrows", "tests/rules/arrows.py", 1, f"no include needs {here} -> {there}"
            )
    place = {folder: at for at, folder in enumerate(ARROWS)}
    for here, row in ARROWS.items():
        for there in row:
            if place.get(there, len(place)) >= place[here]:
                yield Finding(
                    "arrows", "tests/rules/arrows.py", 1, f"{here} -> {there} is no arrow down"
                )


def module_edges(tree: Tree, *under: str) -> dict[str, set[str]]:
    edges: dict[str, set[str]] = {}
    for file in tree.c_files(*(under or SOURCES)):
        here = tree.modules[file]
        edges.setdefault(here, set())
        for header, _ in tree.includes(file):
            there = tree.modules.get(header, here)
            if there != here:
                edges[here].add(there)
    return edges


def inside_folders(tree: Tree) -> Iterator[Finding]:
    edges = module_edges(tree)
    folders = {os.path.dirname(module) for module in edges}
    for folder in sorted(folders):
        inner = {
            module: {other for other in others if os.path.dirname(other) == folder}
            for module, others in edges.items()
            if os.path.dirname(module) == folder
        }
        for circle in cycles(inner):
            names = ", ".join(os.path.basename(module) for module in circle)
            yield Finding("circles", circle[0] + ".h", 1, f"modules include each other: {names}")


def headers(tree: Tree) -> Iterator[Finding]:
    """Who may see whom beyond folders: libraries of the server, parts of a module."""
    for file in tree.c_files("core/"):
        for line, text in enumerate(tree.code(file).split("\n"), 1):
            if re.match(r"\s*#\s*include", text) and FOREIGN_IN_CORE.search(text):
                yield Finding("arrows", file, line, "core knows neither sockets nor wire JSON")
    for file in tree.c_files("clients/"):
        for header, line in tree.includes(file):
            yield Finding("arrows", file, line, f"a client includes {header}")
    for file in tree.c_files(*SOURCES):
        for header, line in tree.includes(file):
            if header.startswith("tests/"):
                yield Finding("arrows", file, line, f"the product includes {header}")
            elif header not in tree.known:
                yield Finding("arrows", file, line, f"no such header from the top: {header}")
            elif header.endswith("_parts.h") and os.path.dirname(header) != os.path.dirname(file):
                yield Finding("arrows", file, line, f"{header} is for its own folder only")


def calls(tree: Tree) -> Iterator[Finding]:
    for file in tree.c_files(*SOURCES) + tree.some(".def", under=SOURCES):
        code = tree.code(file)
        for pattern, text in (
            (NOT_CALLED, "a function we do not call: "),
            (PLAIN_ASSERT, "NDEBUG removes it; use rw_assert: "),
        ):
            for hit in pattern.finditer(code):
                yield Finding("calls", file, line_of(code, hit.start()), text + hit[0])
        if file != HEAP_OWNER:
            for hit in HEAP.finditer(code):
                text = f"the heap without rw_alloc, unseen by fault injection: {hit[1]}"
                yield Finding("calls", file, line_of(code, hit.start()), text)
        for hit in CPP_WORDS.finditer(code):
            text = f"`{hit[0]}` is a word of C++, which clang-format and clang-tidy stumble over"
            yield Finding("calls", file, line_of(code, hit.start()), text)


RULES = (between_folders, inside_folders, headers, calls)
