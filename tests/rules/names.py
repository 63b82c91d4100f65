"""One name, one thing; nothing declared for nobody; an external name says where it lives."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from rules.arrows import SOURCES
from rules.tree import Finding, Tree, blank, identifiers, line_of

TAG = re.compile(r"\b(struct|union|enum)\s+(\w+)\s*\{")
DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.M)
ENUM = re.compile(r"\benum\s*(\w*)\s*\{([^{}]*)\}")
# A prototype begins in column 0 of a header and ends in ");".
PROTOTYPE = re.compile(
    r"^(?!typedef|#|static|struct \w+ \{)[a-z][\w \t*]*?[ *](\w+)\([^;{}]*?\)[^;{}()]*"
    r"(?:__attribute__\(\(.*?\)\))?;",
    re.M | re.S,
)
FIELD = re.compile(
    r"^\s+(?:const )?(?:struct |enum |union )?[\w ]+?[ *](\w+)(?:\[[^;]*\])?(?: : \d+)?;", re.M
)
FUNCTION_FIELD = re.compile(r"\(\*(\w+)\)\(")

# Prefixes that are not the name of their module, by header, and why they are better than it.
PREFIXES: dict[str, dict[str, str]] = {
    "core/answer/parse_rules.h": {"rule": "a function per rule of the grammar that parse.c reads"},
    "core/base/alloc.h": {
        "realloc": "C's own name for it",
        "free": "C's own name for it",
    },
    "core/base/status.h": {"fail": "the verb of an rw_status, in every second function"},
    "core/text/template_eval.h": {
        "teval": "template, evaluated",
        "trun": "template, run",
        "trender": "template, rendered",
    },
    "core/text/template_filter.h": {
        "tfilter": "filters of a template",
        "tsequence": "filters of a template that work on a sequence",
    },
    "core/text/template_parts.h": {
        "tparse": "template_parse.c, template_expr.c",
        "tval": "values of a template",
        "toperator": "operators of a template",
        "tslice": "operators of a template",
        "tattribute": "operators of a template",
        "tfilter": "filters of a template",
        "ttest": "tests of a template",
        "tfunction": "functions of a template",
    },
    "proto/wire_item.h": {"wire": "wire.h has the tables a codec fills, wire_item.h their texts"},
}


def enum_constants(code: str) -> Iterator[tuple[str, int, str]]:
    code = re.sub(r"^[ \t]*#(?:.*\\\n)*.*$", lambda line: blank(line[0]), code, flags=re.M)
    for hit in ENUM.finditer(code):
        at = hit.start(2)
        for part in hit[2].split(","):
            name = re.match(r"\s*(?:#[^\n]*\n\s*)*([A-Za-z_]\w*)\s*(=|$)", part)
            if name is not None:
                yield name[1], line_of(code, at + name.start(1)), hit[1]
            at += len(part) + 1


def header_names(tree: Tree, file: str) -> Iterator[tuple[str, str, int]]:
    """(kind, name, line) of tags, macros and enumeration constants."""
    code = tree.code(file)
    for hit in TAG.finditer(code):
        yield f"{hit[1]} tag", hit[2], line_of(code, hit.start())
    gone = set(re.findall(r"#[ \t]*undef[ \t]+(\w+)", code))
    guard = True
    for hit in DEFINE.finditer(code):
        if not guard and hit[1] not in gone:
            yield "constant", hit[1], line_of(code, hit.start(1))
        guard = False
    for name, line, of in enum_constants(code):
        yield "enumerator" if of else "constant", name, line


def twice(tree: Tree) -> Iterator[Finding]:
    seen: dict[tuple[str, str], tuple[str, int]] = {}
    for file in tree.some(".h"):
        if file.endswith(".inc.h"):
            continue  # included once per instruction set: its names are that file's own
        for kind, name, line in header_names(tree, file):
            space = "tag" if kind.endswith("tag") else "constant"  # of names, in C
            first = seen.setdefault((space, name), (file, line))
            if first[0] != file:
                text = f"{name} means another thing in {first[0]}:{first[1]}"
                yield Finding("twice", file, line, text)


def users(tree: Tree) -> dict[str, set[str]]:
    """Which files say a name, strings included: X-macros and drivers build names from them."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in tree.some(".c", ".h", ".def"):
        for name in identifiers(tree.code(file)):
            found[name].add(file)
    return found


def unused(tree: Tree) -> Iterator[Finding]:
    where = users(tree)
    counts = Counter(
        name
        for file in tree.some(".c", ".h", ".def")
        for name in re.findall(r"[A-Za-z_]\w*", tree.code(file))
    )
    pasted = pasted_prefixes(tree)
    for file in tree.c_files(*SOURCES):
        code = tree.code(file)
        if file.endswith(".h"):
            for name, line in declared(code):
                if not any(f.endswith(".c") or f != file for f in where[name]):
                    yield Finding("unused", file, line, f"{name} is declared and nothing else")
            for kind, name, line in header_names(tree, file):
                if kind == "enum tag" or kind == "enumerator":
                    continue  # a set is whole, whether or not each member is spoken of
                if counts[name] == 1 and not name.startswith(pasted):
                    yield Finding("unused", file, line, f"nobody uses the {kind} {name}")
            for name, line in fields(code):
                if counts[name] == 1:
                    yield Finding("unused", file, line, f"nobody uses the field {name}")
        for function in tree.functions(file):
            if file.endswith(".inc.h"):
                continue  # static by the macro that defines it
            if function.static or function.name == "main":
                continue
            others = {
                other
                for other in where[function.name] - {file}
                if not (other.endswith(".h") and only_declares(tree.code(other), function.name))
            }
            if not others:
                text = f"{function.name} is used by no other file: static, or gone"
                yield Finding("unused", file, function.line, text)


def pasted_prefixes(tree: Tree) -> tuple[str, ...]:
    """Names that macros paste together (RW_SIGNAL_##id) are used where their table is."""
    found = {"\0"}
    for file in tree.some(".c", ".h"):
        found.update(re.findall(r"\b(\w{4,})\s*##", tree.code(file)))
    return tuple(found)


def declared(code: str) -> Iterator[tuple[str, int]]:
    for hit in PROTOTYPE.finditer(code):
        yield hit[1], line_of(code, hit.start(1))


def fields(code: str) -> Iterator[tuple[str, int]]:
    for struct in re.finditer(r"^(?:struct|union) \w+ \{\n(.*?)^\}", code, re.M | re.S):
        for pattern in (FIELD, FUNCTION_FIELD):
            for hit in pattern.finditer(struct[1]):
                yield hit[1], line_of(code, struct.start(1) + hit.start(1))


def only_declares(code: str, name: str) -> bool:
    mentions = len(re.findall(rf"\b{name}\b", code))
    return mentions == sum(1 for declared_name, _ in declared(code) if declared_name == name)


def allowed_prefixes(tree: Tree, header: str) -> set[str]:
    """The module's name, its folder's with it, and the types that the header declares."""
    folder, name = os.path.split(tree.modules[header])
    room = os.path.basename(folder)
    own = os.path.basename(header).removesuffix(".h").removesuffix("_parts")
    plain = {name, own, f"{room}_{name}", name.removeprefix("rw_"), room, *PREFIXES.get(header, {})}
    plain |= {re.sub(r"_(json|text|token|timing)$", "", own)}
    # One of what the header is called after: rw_tensor_name_plain in tensor_names.h.
    plain |= {own.removesuffix("s")}
    # A .c beside it without a header of its own is declared here: scoring.h, rewards.c.
    plain |= headless(tree, folder)
    types = set(re.findall(r"\b(?:struct|union|enum) rw_(\w+)(?=[ ;]| \{)", tree.code(header)))
    declared_here = {
        hit[2].removeprefix("rw_")
        for hit in re.finditer(
            r"^\s*(struct|union|enum) (rw_\w+)(?: \{|;)", tree.code(header), re.M
        )
    }
    return {
        f"rw_{prefix}" for one in plain | (types & declared_here) for prefix in (one, one + "s")
    }


def headless(tree: Tree, folder: str) -> set[str]:
    """Names of the .c files in a folder that no header is named after."""
    beside = (f for f in tree.c_files(folder + "/") if os.path.dirname(f) == folder)
    own = {os.path.basename(f) for f in beside}
    return {f.removesuffix(".c") for f in own if f.endswith(".c") and f[:-1] + "h" not in own}


def prefixes(tree: Tree) -> Iterator[Finding]:
    for file in tree.some(".h", under=SOURCES):
        if file.endswith(".inc.h"):
            continue
        allowed = allowed_prefixes(tree, file)
        for name, line in declared(tree.code(file)):
            # rw_hash64 and rw_hash_bytes both live in hash.h
            if not any(re.match(rf"{prefix}(?:_|\d|$)", name) for prefix in allowed):
                text = f"{name} does not say that it lives here"
                yield Finding("prefix", file, line, text)


RULES = (twice, unused, prefixes)
