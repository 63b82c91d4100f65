"""The files of a tree, and C, Python and Markdown read just well enough to hold rules."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# A comment, a string, a character: whichever begins first hides the others.
C_TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)
C_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(["<])([^">]+)[">]', re.M)
SKIPPED = {".git", "build-test", "__pycache__", "node_modules", ".pytest_cache", "generated"}


@dataclass(frozen=True)
class Finding:
    """One broken rule: where, and what a person should do about it."""

    rule: str
    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text} [{self.rule}]"


@dataclass(frozen=True)
class Function:
    """A definition at file level."""

    name: str
    line: int  # of its name
    length: int  # lines from the signature to the closing brace
    static: bool
    body: str  # without comments; strings are empty


def blank(text: str) -> str:
    """Everything but the line ends becomes spaces: offsets and line numbers stay."""
    return re.sub(r"[^\n]", " ", text)


def split_c(text: str) -> tuple[str, str, str]:
    """Code without comments and with empty strings, code with strings, and the comments alone."""
    code, strings, comments = [], [], []
    at = 0
    for token in C_TOKEN.finditer(text):
        plain = text[at : token.start()]
        code.append(plain)
        strings.append(plain)
        comments.append(blank(plain))
        hidden = token[0]
        if hidden[0] == "/":
            code.append(blank(hidden))
            strings.append(blank(hidden))
            comments.append(hidden)
        else:
            code.append(hidden[0] + blank(hidden[1:-1]) + hidden[-1])
            strings.append(hidden)
            comments.append(blank(hidden))
        at = token.end()
    for out in (code, strings):
        out.append(text[at:])
    comments.append(blank(text[at:]))
    return "".join(code), "".join(strings), "".join(comments)


class Tree:
    """A checkout, or any folder: what git knows of it, else every file."""

    def __init__(self, root: Path):
        self.root = root.resolve()
        self.files = sorted(f for f in self._list() if not f.startswith("tests/vectors/malformed"))
        self.known = set(self.files)
        self.folders = {folder for file in self.files for folder in parents(file)}

    def _list(self) -> Iterator[str]:
        if (self.root / ".git").exists():
            command = ["git", "-C", str(self.root), "ls-files", "-co", "--exclude-standard"]
            listed = subprocess.run(command, capture_output=True, text=True, check=True)
            yield from (f for f in listed.stdout.splitlines() if (self.root / f).is_file())
            return
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if name not in SKIPPED]
            for name in files:
                yield str((Path(folder) / name).relative_to(self.root))

    @functools.cache  # noqa: B019 - one tree lives as long as the program
    def text(self, file: str) -> str:
        return (self.root / file).read_text(encoding="utf-8", errors="replace")

    @functools.cache  # noqa: B019
    def c_parts(self, file: str) -> tuple[str, str, str]:
        return split_c(self.text(file))

    def code(self, file: str) -> str:
        return self.c_parts(file)[0]

    def comments(self, file: str) -> str:
        return self.c_parts(file)[2]

    def some(self, *endings: str, under: tuple[str, ...] = ()) -> list[str]:
        return [
            file
            for file in self.files
            if file.endswith(endings) and (not under or file.startswith(under))
        ]

    def c_files(self, *under: str) -> list[str]:
        return self.some(".c", ".h", under=under)

    def includes(self, file: str) -> list[tuple[str, int]]:
        """Own headers that a file includes, with their lines."""
        strings = self.c_parts(file)[1]
        return [
            (hit[2], line_of(strings, hit.start()))
            for hit in C_INCLUDE.finditer(strings)
            if hit[1] == '"'
        ]

    @functools.cached_property
    def modules(self) -> dict[str, str]:
        return modules(self)

    @functools.cache  # noqa: B019
    def functions(self, file: str) -> tuple[Function, ...]:
        return tuple(find_functions(self.code(file)))


def parents(file: str) -> Iterator[str]:
    folder = os.path.dirname(file)
    while folder:
        yield folder
        folder = os.path.dirname(folder)


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def find_functions(code: str) -> Iterator[Function]:
    """clang-format puts the braces of a function, and of nothing else, alone into column 0."""
    lines = code.split("\n")
    for at, line in enumerate(lines):
        if line.rstrip() != "{":
            continue
        first = at
        while first > 0 and lines[first - 1].strip() and lines[first - 1][0] not in "}#":
            if lines[first - 1].rstrip().endswith(";"):
                break
            first -= 1
        signature = "\n".join(lines[first:at])
        name = re.search(r"(?<!__attribute__)\b(\w+)\s*\((?!\()", signature)
        if name is None:
            continue
        last = next((i for i in range(at, len(lines)) if lines[i].startswith("}")), len(lines) - 1)
        yield Function(
            name=name[1],
            line=first + 1 + signature.count("\n", 0, name.start()),
            length=last - first + 1,
            static=re.search(r"\bstatic\b", signature) is not None,
            body="\n".join(lines[at : last + 1]),
        )


@functools.cache
def identifiers(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[A-Za-z_]\w*", text))


def stem(file: str) -> str:
    return re.sub(r"\.[ch]$", "", file)  # a text that is included many times, no module


def heads(file: str, known: set[str]) -> Iterator[str]:
    """Modules whose part a file may be by its name, the nearest first."""
    folder, name = os.path.split(stem(file))
    words = name.split("_")
    for n in range(len(words) - 1, 0, -1):
        head = f"{folder}/{'_'.join(words[:n])}"
        if f"{head}.h" in known:
            yield head


def modules(tree: Tree) -> dict[str, str]:
    """The module of every C file: its path without ending, or that of the module it is a part of.

    A module is NAME.h and NAME.c. One that grew is cut into files: NAME_parts.h is what they share,
    whoever includes it is one of them, and NAME_MORE.h that nobody else includes is theirs too. A
    .c without a header is a module of its own: what puts parts together (NAME_open.c) may stand
    above those who know NAME.h.
    """
    files = [file for file in tree.c_files() if not file.startswith("tests/")]
    found = {file: stem(file) for file in files}
    includers: dict[str, set[str]] = {}
    for file in files:
        for header, _ in tree.includes(file):
            includers.setdefault(header, set()).add(file)
    for file in files:
        for header, _ in tree.includes(file):
            whole = header.removesuffix("_parts.h")
            if header.endswith("_parts.h") and {f"{whole}.h", stem(file) + ".h"} <= tree.known:
                found[stem(file) + ".h"] = whole
                found.update({one: whole for one in (file, stem(file) + ".c") if one in found})
    grown = True
    while grown:
        grown = False
        for file in files:
            header = stem(file) + ".h"
            if file.endswith(".inc.h") or header not in tree.known or found[file] != stem(file):
                continue
            for head in heads(file, tree.known):
                others = includers.get(header, set()) - {stem(file) + ".c"}
                if stem(file) == f"{head}_parts" or (
                    others and all(is_part(user, head, found, tree.known) for user in others)
                ):
                    found[file] = found[stem(file) + ".h"] = found[head + ".h"]
                    grown = True
                    break
    return found


def is_part(file: str, head: str, found: dict[str, str], known: set[str]) -> bool:
    """Whether a file belongs to module `head`, or is a .c without a header named after it."""
    return found[file] == head or (
        stem(file) + ".h" not in known and stem(file).startswith(f"{head}_")
    )


def cycles(edges: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components with more than one node (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(edges.get(node, ())):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            component = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(component) > 1:
                found.append(sorted(component))

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return found
