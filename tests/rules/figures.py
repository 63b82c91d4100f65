"""The figures of a tree: rooms and arrows, lengths, passages written twice, asserts, comments."""

from __future__ import annotations

import os
import re
import statistics
from collections import defaultdict

from rules.arrows import SOURCES, module_edges
from rules.tree import Tree, cycles

PASSAGE_LINES = 6
# Names of variables and fields: not called, not a constant, not a type of ours.
VARIABLE = re.compile(r'"(?:\\.|[^"\\])*"|\b(?!rw_)[a-z]\w*\b(?! ?\()')
C_WORDS = frozenset(
    "auto break case char const continue default do double else enum extern float for goto if "
    "inline int long return short signed sizeof static struct switch union unsigned void while "
    "bool size_t true false int32_t int64_t uint8_t uint16_t uint32_t uint64_t".split()
)
ASSERT = re.compile(r"\brw_assert\w*\s*\(|\brw_state_\w+\s*\(")


def edges_up(edges: dict[str, set[str]]) -> int:
    """Edges inside a circle: as many must go up, whatever the order of the rest."""
    inside = 0
    for circle in cycles(edges):
        members = set(circle)
        order: list[str] = []
        left = {node: edges[node] & members for node in circle}
        while left:  # take away the module with the fewest arrows to those that stay
            node = min(left, key=lambda n: (len(left[n] & set(left)), n))
            order.append(node)
            inside += len(left.pop(node) & set(left))
    return inside


def normal(line: str) -> str:
    """A line of code without its layout and without the names of its variables."""
    plain = re.sub(r"\s+", " ", line).strip()
    return VARIABLE.sub(lambda hit: hit[0] if hit[0] in C_WORDS or hit[0][0] == '"' else "v", plain)


def says_much(window: tuple[str, ...]) -> bool:
    """Rows of a table and lists of fields look alike and are not copies."""
    statements = sum(1 for line in window if line.endswith((";", "{")) and "(" in line)
    return len(set(window)) >= PASSAGE_LINES - 1 and statements >= 2


def passages(tree: Tree, files: list[str]) -> list[tuple[str, int, str, int, int]]:
    """Pairs of places with six or more equal lines: (file, line, file, line, length).

    Blank lines, lone braces, includes and comments are left out before lines are compared.
    """
    lines: dict[str, list[tuple[int, str]]] = {}
    where: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for file in files:
        text = tree.c_parts(file)[1]
        kept = [
            (number, normal(line))
            for number, line in enumerate(text.split("\n"), 1)
            if len(normal(line)) > 1 and not line.lstrip().startswith("#")
        ]
        lines[file] = kept
        for at in range(len(kept) - PASSAGE_LINES + 1):
            window = tuple(line for _, line in kept[at : at + PASSAGE_LINES])
            if says_much(window):
                where[window].append((file, at))
    found = []
    taken: set[tuple[str, int, str, int]] = set()
    for places in where.values():
        for i, (a, at) in enumerate(places):
            for b, bt in places[i + 1 :]:
                if (a, at, b, bt) in taken or (a == b and abs(at - bt) < PASSAGE_LINES):
                    continue
                n = 0
                while (
                    at + n < len(lines[a])
                    and bt + n < len(lines[b])
                    and lines[a][at + n][1] == lines[b][bt + n][1]
                ):
                    taken.add((a, at + n, b, bt + n))
                    n += 1
                found.append((a, lines[a][at][0], b, lines[b][bt][0], n))
    return found


def percentile(values: list[int], share: float) -> int:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0


def comment_share(tree: Tree, files: list[str]) -> float:
    """Lines with a comment per line with code."""
    commented = code = 0
    for file in files:
        commented += sum(1 for line in tree.comments(file).split("\n") if line.strip())
        code += sum(1 for line in tree.code(file).split("\n") if line.strip())
    return commented / code if code else 0.0


def rooms(tree: Tree) -> list[str]:
    """One line for every folder: modules, arrows between them, arrows that go up."""
    edges = module_edges(tree)
    by_room: dict[str, set[str]] = defaultdict(set)
    for file in tree.c_files(*SOURCES):
        by_room[os.path.dirname(file)].add(file)
    out = [f"{'folder':20} {'files':>6} {'modules':>8} {'edges':>6} {'up':>4}"]
    for room in (*sorted(by_room), "server/**"):
        top = room.removesuffix("/**")
        deep = room.endswith("/**")
        files = [
            f
            for f in tree.c_files(*SOURCES)
            if f.startswith(top + "/") and (deep or os.path.dirname(f) == top)
        ]
        modules = {tree.modules[f] for f in files}
        inner = {m: edges[m] & modules for m in modules}
        count = sum(map(len, inner.values()))
        out.append(f"{room:20} {len(files):6} {len(modules):8} {count:6} {edges_up(inner):4}")
    return out


def figures(tree: Tree) -> str:
    c_files = [f for f in tree.c_files(*SOURCES) if not f.endswith("unicode_tables.c")]
    functions = [function for file in c_files for function in tree.functions(file)]
    long = [function.length for function in functions]
    asserts = sum(len(ASSERT.findall(function.body)) for function in functions)
    wide: dict[str, int] = defaultdict(int)
    for file in tree.some(".c", ".h", ".def", ".py", ".sh", ".md"):
        for line in tree.text(file).split("\n"):
            wide[os.path.splitext(file)[1]] += len(line) > 100
    pairs = passages(tree, c_files)
    largest = max((tree.text(f).count("\n"), f) for f in c_files)
    lines = [
        *rooms(tree),
        "",
        f"C files (core, proto, server)        {len(c_files)}",
        f"C lines                              {sum(tree.text(f).count(chr(10)) for f in c_files)}",
        f"largest file                         {largest[0]} ({largest[1]})",
        f"functions                            {len(functions)}",
        f"function length median/p90/p99/max   {statistics.median(long):.0f} / "
        f"{percentile(long, 0.9)} / {percentile(long, 0.99)} / {max(long)}",
        f"asserts per function                 {asserts / len(functions):.3f}",
        "commented lines per code line        "
        f".h {comment_share(tree, [f for f in c_files if f.endswith('.h')]):.2f}, "
        f".c {comment_share(tree, [f for f in c_files if f.endswith('.c')]):.2f}",
        f"passages of 6 and more equal lines   {len(pairs)} pairs, "
        f"{sum(p[4] for p in pairs)} lines",
        "lines over 100 columns               "
        + ", ".join(f"{ending} {count}" for ending, count in sorted(wide.items())),
    ]
    return "\n".join(lines)
