"""Comments and pages tell the truth: paths and links exist, READMEs list their folder."""

from __future__ import annotations

import fnmatch
import io
import os
import re
import tokenize
from collections.abc import Iterator

from rules.arrows import SOURCES
from rules.tree import Finding, Tree, line_of

WIDTH_MAX = 100
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
MADE = ("core/text/unicode_tables.c",)  # by unicode_tables.py

# A word that can only be a file of this tree: it has a folder of ours, or an ending of ours.
PATH = re.compile(
    r"(?<![\w/.<>:$*~-])(?:\.\./)*"
    r"((?:[\w.-]+/)*[\w.-]+\.(?:c|h|py|sh|md|def|cfg|toml|build)\b"
    r"|(?:core|proto|server|clients|tests|deploy|reference)/[\w./-]*\w)(?![\w(*]|/[\w{*])"
)
LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")
ONE_STRING = re.compile(r"""\s*\w?("(\\.|[^"\\])*"|'(\\.|[^'\\])*'),?""")
HEADING = re.compile(r"^#+ (.*)$", re.M)
FENCE = re.compile(r"^( *)(```|~~~).*?^\1\2[ \t]*$", re.M | re.S)

# Files of others that comments and pages rightly speak of.
FOREIGN = {
    "assert.h": "of C",
    "uv.h": "of libuv",
    "llhttp.h": "of llhttp",
    "cJSON.h": "of cJSON",
    "zconf.h": "of zlib",
    "modeling_internlm2.py": "of internlm2-7b-reward on Hugging Face",
    "modeling_rope_utils.py": "of transformers",
    "tuners/lora/layer.py": "of peft",
    "utils/other.py": "of peft",
    "Lib/pickletools.py": "of CPython",
    "torch/_utils.py": "of PyTorch",
    "torch/serialization.py": "of PyTorch",
    "resources_servers/rewardd/app.py": "of NeMo Gym",
    "app.py": "of NeMo Gym",
    "commit.c": "made by the build from commit.c.in",
}
README_ROOMS = ("core/", "proto", "server", "clients/", "deploy", "tests")
LISTED = (".c", ".h", ".py", ".sh", ".def")
PYTHON_PACKAGES = ("clients/python", "deploy/models")  # their README lists folders, not files


def prose(text: str) -> str:
    """Markdown without fenced and indented code, which may be wide and may name anything."""

    def drop(hit: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", hit[0])

    return re.sub(r"^(?: {4}|\t).*$", drop, FENCE.sub(drop, text), flags=re.M)


def cited(text: str) -> Iterator[tuple[str, int]]:
    for hit in PATH.finditer(text):
        yield hit[1], line_of(text, hit.start(1))


def exists(tree: Tree, file: str, path: str, endings: set[str]) -> bool:
    path = path.rstrip("/.")
    near = os.path.normpath(os.path.join(os.path.dirname(file), path))
    return (
        path in endings  # a file's name, or its last folders and name
        or near in tree.known
        or near in tree.folders
        or path in tree.folders
        or any(f"{path}{ending}" in tree.known for ending in (".h", ".c", ".inc.h", ".py"))
    )


def known_endings(tree: Tree) -> set[str]:
    found: set[str] = set()
    for file in tree.files:
        parts = file.split("/")
        found.update("/".join(parts[at:]) for at in range(len(parts)))
        if file.endswith((".c", ".h", ".def")):
            found.update(os.path.basename(h) for h in re.findall(r"<([\w./]+)>", tree.text(file)))
            found.update(re.findall(r"<([\w./]+)>", tree.text(file)))
    return found | set(FOREIGN)


def comment_text(tree: Tree, file: str) -> str:
    if file.endswith((".c", ".h", ".def")):
        return tree.comments(file)
    if file.endswith(".md"):
        return tree.text(file)
    if file.endswith(".py"):
        return python_comments(tree.text(file))
    return "\n".join(
        re.sub(r"^(?!\s*#).*?(?=\s#|$)", "", line) for line in tree.text(file).split("\n")
    )


def python_comments(text: str) -> str:
    """Comments and docstrings (any string that is a statement), each in its own lines."""
    lines = [""] * (text.count("\n") + 2)
    statement = True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        docstring = token.type == tokenize.STRING and statement
        if token.type == tokenize.COMMENT or docstring:
            for n, line in enumerate(token.string.split("\n")):
                lines[token.start[0] - 1 + n] += line
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            statement = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    return "\n".join(lines)


def citations(tree: Tree) -> Iterator[Finding]:
    endings = known_endings(tree)
    for file in tree.some(".c", ".h", ".def", ".md", ".py", ".sh", "meson.build"):
        if file == "CHANGELOG.md":
            continue  # speaks of the past
        for path, line in cited(comment_text(tree, file)):
            if re.search(r"(?:^|[/_])[A-Z]{3,}(?:$|[/_])", os.path.splitext(path)[0]) and (
                not re.search(r"README|DESIGN|MODEL|GLOSSARY|CONTRIBUTING|CHANGELOG", path)
            ):
                continue  # cmd_NAME.c: a word that stands for many
            if not exists(tree, file, path, endings):
                yield Finding("cited", file, line, f"{path} does not exist")


def slug(heading: str) -> str:
    """The anchor that GitHub makes of a heading."""
    text = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower())
    return text.strip().replace(" ", "-")


def anchors(text: str) -> set[str]:
    return {slug(heading) for heading in HEADING.findall(prose(text))}


def links(tree: Tree) -> Iterator[Finding]:
    for file in tree.some(".md"):
        text = prose(tree.text(file))
        for hit in LINK.finditer(text):
            target = hit[1]
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            goal = os.path.normpath(os.path.join(os.path.dirname(file), path)) if path else file
            line = line_of(text, hit.start())
            if goal not in tree.known and goal not in tree.folders:
                yield Finding("links", file, line, f"{target} leads nowhere")
            elif anchor and goal.endswith(".md") and anchor not in anchors(tree.text(goal)):
                yield Finding("links", file, line, f"{target}: no such heading")


def readme_names(text: str) -> list[str]:
    """What stands in backticks: names, paths, globs and a{b,c}."""
    names = []
    for quoted in re.findall(r"`([^`\n]+)`", text):
        for word in quoted.split():
            brace = re.fullmatch(r"(.*)\{([^}]*)\}(.*)", word)
            choices = brace[2].split(",") if brace else [""]
            names += [f"{brace[1]}{c}{brace[3]}" if brace else word for c in choices]
    return [name.strip(",;:") for name in names]


def lists(names: list[str], relative: str) -> bool:
    base = re.sub(r"(\.inc)?\.\w+$", "", relative)
    for name in names:
        plain = re.sub(r"(\.inc)?\.(c|h|py|sh|def)$", "", name.rstrip("/"))
        if fnmatch.fnmatchcase(base, plain) or fnmatch.fnmatchcase(relative, name):
            return True
        if relative.startswith(name.rstrip("/") + "/"):
            return True  # the folder is listed
    return False


def readmes(tree: Tree) -> Iterator[Finding]:
    """A README in every folder of sources, which lists its files; one above for tests."""
    for folder in sorted(tree.folders):
        if not (folder + "/").startswith(tuple(r.rstrip("/") + "/" for r in README_ROOMS)):
            continue
        own = [
            file
            for file in tree.some(*LISTED, under=(folder + "/",))
            if os.path.dirname(file) == folder and not file.endswith("__init__.py")
        ]
        if not own:
            continue
        pages = [p for p in above(folder) if f"{p}/README.md" in tree.known]
        strict = (folder + "/").startswith(SOURCES)  # a folder of the product has its own
        if strict:
            pages = [p for p in pages if p == folder]
        if not pages:
            yield Finding("readme", f"{folder}/README.md", 1, "this folder has no README")
            continue
        names = {page: readme_names(tree.text(f"{page}/README.md")) for page in pages}
        for file in own:
            if not any(lists(names[page], os.path.relpath(file, page)) for page in pages):
                text = f"does not list {os.path.relpath(file, pages[0])}"
                yield Finding("readme", f"{pages[0]}/README.md", 1, text)


def above(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = os.path.dirname(folder)


def widths(tree: Tree) -> Iterator[Finding]:
    for file in tree.some(".c", ".h", ".def", ".py", ".sh", ".md", "meson.build"):
        if file == "CHANGELOG.md":
            continue  # wrapped at a release
        text = tree.text(file)
        if file.endswith(".md"):
            text = prose(text)
        for number, line in enumerate(text.split("\n"), 1):
            table = file.endswith(".md") and line.lstrip().startswith("|")
            data = file.endswith(".py") and ONE_STRING.fullmatch(line)  # a template, a request
            if len(line) > WIDTH_MAX and not (table or data) and " " in line.strip():
                yield Finding("width", file, number, f"{len(line)} columns of {WIDTH_MAX}")


def lengths(tree: Tree) -> Iterator[Finding]:
    for file in tree.c_files(*SOURCES):
        lines = tree.text(file).count("\n")
        if lines > FILE_LINES_MAX and file not in MADE:
            text = f"{lines} lines: a second responsibility wants out"
            yield Finding("length", file, 1, text)
        for function in tree.functions(file):
            if function.length > FUNCTION_LINES_MAX:
                text = f"{function.name} has {function.length} lines of {FUNCTION_LINES_MAX}"
                yield Finding("length", file, function.line, text)


RULES = (citations, links, readmes, widths, lengths)
