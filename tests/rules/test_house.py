"""Each rule of tests/house.py sees the violation planted for it, and nothing in a clean tree.

A checker that finds nothing proves nothing: every case below is a tree with one thing wrong.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import house
from rules import arrows, figures, names
from rules.tree import Tree, cycles, split_c

GUARD = "#ifndef RW_X_H\n#define RW_X_H\n{}\n#endif\n"
CLEAN = {
    "core/base/README.md": "# base\n`str.c` text.\n",
    "core/base/str.h": GUARD.format(
        "/* Text. The rules: core/base/str.c. */\nstruct rw_str {\n    int len;\n};\n"
        "int rw_str_len(struct rw_str *s);"
    ),
    "core/base/str.c": '#include "core/base/str.h"\n\nint rw_str_len(struct rw_str *s)\n'
    "{\n    return s->len;\n}\n",
    "core/io/README.md": "# io\n`json.c` reads [text](../base/README.md#base).\n",
    "core/io/json.c": '#include "core/base/str.h"\n\nstatic int length(struct rw_str *s)\n'
    "{\n    return rw_str_len(s);\n}\n",
    "tests/README.md": "# tests\n`unit/`\n",
    "tests/unit/test_str.c": '#include "core/base/str.h"\n\nstatic void check(int n)\n{\n'
    "    ck_assert_int_eq(n, 0);\n}\n\nSTART_TEST(empty)\n{\n    check(0);\n}\nEND_TEST\n",
    "tests/unit/test_str.py": "def test_it():\n    assert len('a') == 1\n",
}
TEST = "START_TEST({})\n{{\n    {}\n}}\nEND_TEST\n"

# rule, file, its text, and a word of the finding
PLANTED = [
    ("arrows", "core/base/up.c", '#include "core/io/json.h"\n', "may not include core/io"),
    ("arrows", "core/io/net.c", "#include <uv.h>\n", "neither sockets"),
    ("arrows", "core/io/lost.c", '#include "core/base/none.h"\n', "no such header"),
    ("arrows", "core/io/test.c", '#include "tests/lib/data.h"\n', "includes tests"),
    ("arrows", "clients/c/a.c", '#include "core/base/str.h"\n', "client"),
    ("calls", "core/io/a.c", "void f(void)\n{\n    strcpy(a, b);\n}\n", "strcpy"),
    ("calls", "core/io/a.c", "void f(void)\n{\n    assert(a);\n}\n", "rw_assert"),
    ("calls", "core/io/a.c", "#include <assert.h>\n", "rw_assert"),
    ("calls", "core/io/a.c", "void f(void)\n{\n    x = malloc(3);\n}\n", "heap"),
    ("calls", "core/io/a.c", "int class;\n", "C++"),
    ("twice", "core/io/str2.h", GUARD.format("struct rw_str {\n    int n;\n};"), "rw_str means"),
    ("unused", "core/io/dead.h", GUARD.format("#define RW_NOBODY 3"), "RW_NOBODY"),
    ("unused", "core/io/gone.h", GUARD.format("int rw_gone_away(int a);"), "declared and nothing"),
    ("unused", "core/io/own.c", "int rw_own_use(int a)\n{\n    return a;\n}\n", "no other file"),
    ("unused", "core/io/f.h", GUARD.format("struct rw_f {\n    int evicted;\n};"), "evicted"),
    ("prefix", "core/io/q.h", GUARD.format("int rw_elsewhere(int a);"), "lives here"),
    ("cited", "core/io/c.c", "/* See core/io/absent.c. */\n", "core/io/absent.c"),
    ("cited", "notes.md", "As `reference/shortcuts.md` says.\n", "reference/shortcuts.md"),
    ("cited", "tests/run.py", "# drives tests/lib/none.c\n", "tests/lib/none.c"),
    ("links", "notes.md", "[a](absent.md)\n", "leads nowhere"),
    ("links", "notes.md", "[a](core/base/README.md#other)\n", "no such heading"),
    ("readme", "core/text/a.c", "int a;\n", "no README"),
    ("readme", "core/io/unlisted.c", "int a;\n", "does not list unlisted.c"),
    ("width", "core/io/w.c", "/* " + "wide " * 20 + "*/\n", "columns of 100"),
    ("width", "w.py", "# " + "wide " * 20 + "\n", "columns of 100"),
    ("width", "w.md", "wide " * 21 + "\n", "columns of 100"),
    ("width", "w.sh", "# " + "wide " * 20 + "\n", "columns of 100"),
    ("width", "w.py", "print('" + "wide " * 20 + "')\n", "columns of 100"),
    ("length", "core/io/l.c", "int a;\n" * 601, "second responsibility"),
    ("length", "core/io/l.c", "static void f(void)\n{\n" + "    a();\n" * 80 + "}\n", "f has"),
    ("proofs", "tests/unit/test_a.c", TEST.format("idle", "run(3);"), "idle asserts nothing"),
    ("proofs", "tests/unit/test_a.c", TEST.format("t", "ck_assert(1);"), "always true"),
    ("proofs", "tests/test_a.py", "def test_idle():\n    print(3)\n", "test_idle asserts nothing"),
    ("proofs", "tests/test_a.py", "def test_a():\n    assert True\n", "always true"),
    ("proofs", "tests/test_a.py", "def test_a():\n    assert (a, 'b')\n", "tuple"),
    ("proofs", "tests/test_a.py", "def test_a():\n    assert (a and b) or b\n", "A implies B"),
    ("proofs", "tests/test_a.py", "def test_a():\n    assert a == a\n", "itself"),
    ("proofs", "tests/test_a.py", "def test_a():\n    assert len(a) >= 0\n", "never negative"),
]


def write(root: Path, files: dict[str, str]) -> Tree:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Tree(root)


def found(tree: Tree) -> list:
    mute = ("no include needs",)  # a small tree uses few of the arrows
    return [f for f in house.findings(tree) if not f.text.startswith(mute)]


def test_a_clean_tree_has_no_findings(tmp_path):
    assert found(write(tmp_path, CLEAN)) == []


@pytest.mark.parametrize(("rule", "file", "text", "word"), PLANTED)
def test_a_planted_violation_is_found(tmp_path, rule, file, text, word):
    tree = write(tmp_path, {**CLEAN, file: text})
    hits = [f for f in found(tree) if f.rule == rule and word in f.text]
    assert hits, [str(f) for f in found(tree)]
    assert all(f.path.startswith(file.rsplit("/", 1)[0]) for f in hits)


def test_modules_that_include_each_other(tmp_path):
    circle = {
        "core/io/a.h": GUARD.format('#include "core/io/b.h"'),
        "core/io/b.h": GUARD.format(""),
        "core/io/b.c": '#include "core/io/a.h"\n',
        "core/io/other.c": '#include "core/io/a.h"\n#include "core/io/b.h"\n',
    }
    assert [f.rule for f in found(write(tmp_path, {**CLEAN, **circle}))].count("circles") == 1


def test_who_includes_the_parts_of_a_module_is_one_of_them(tmp_path):
    files = {
        "core/io/a.h": GUARD.format(""),
        "core/io/a_parts.h": GUARD.format('#include "core/io/a.h"'),
        "core/io/a.c": '#include "core/io/a_parts.h"\n#include "core/io/b.h"\n',
        "core/io/b.h": GUARD.format('#include "core/io/a_parts.h"'),
        "core/io/other.c": '#include "core/io/a.h"\n#include "core/io/b.h"\n',
        "core/io/above.c": '#include "core/io/a_parts.h"\n',
    }
    tree = write(tmp_path, {**CLEAN, **files})
    assert "circles" not in [f.rule for f in found(tree)]
    assert tree.modules["core/io/b.h"] == "core/io/a"
    assert tree.modules["core/io/above.c"] == "core/io/above"


def test_a_module_in_parts_is_no_circle(tmp_path):
    parts = {
        "core/io/a.h": GUARD.format(""),
        "core/io/a_parts.h": GUARD.format('#include "core/io/a.h"'),
        "core/io/a.c": '#include "core/io/a_parts.h"\n#include "core/io/a_x.h"\n',
        "core/io/a_x.h": GUARD.format('#include "core/io/a.h"'),
        "core/io/a_x.c": '#include "core/io/a_x.h"\n',
    }
    assert "circles" not in [f.rule for f in found(write(tmp_path, {**CLEAN, **parts}))]


def test_python_is_cited_in_comments_and_docstrings_only(tmp_path):
    text = '"""See tests/lib/gone.py."""\nNAME = "tests/lib/made.py"\n# tests/lib/lost.py\n'
    tree = write(tmp_path, {**CLEAN, "tests/a.py": text})
    hits = [f.text for f in found(tree) if f.rule == "cited"]
    assert hits == ["tests/lib/gone.py does not exist", "tests/lib/lost.py does not exist"]


def test_an_arrow_that_no_include_needs(tmp_path):
    folders = {"core/io/json.c": "", "core/text/README.md": "`a.c`\n", "core/text/a.c": ""}
    texts = [f.text for f in house.findings(write(tmp_path, {**CLEAN, **folders}))]
    assert "no include needs core/text -> core/io" in texts


def test_the_table_of_arrows_has_no_circle():
    rows = {here: set(row) for here, row in arrows.ARROWS.items()}
    assert cycles(rows) == []
    assert all(len(reason) > 3 for row in arrows.ARROWS.values() for reason in row.values())


def test_strings_and_comments_are_told_apart():
    code, strings, comments = split_c('a("/* b"); /* c" */ d(\'"\'); // e\n')
    assert "b" not in code and "b" in strings and "b" not in comments
    assert "c" in comments and "c" not in code and "d" in code and "e" in comments


def test_what_is_written_twice_is_counted(tmp_path):
    body = "".join(f"    {name}->total += take({name}, {i});\n" for i, name in enumerate("abcdefg"))
    one = "static void f(void)\n{\n" + body + "}\n"
    other = one.replace("->total", "->sum").replace("f(void)", "g(void)")
    tree = write(tmp_path, {"core/io/a.c": one, "core/io/b.c": other})
    pairs = figures.passages(tree, tree.files)
    assert [(p[0], p[2]) for p in pairs] == [("core/io/a.c", "core/io/b.c")] and pairs[0][4] == 7


def test_the_program_fails_on_a_violation(tmp_path):
    program = [sys.executable, house.__file__, "--tree", str(tmp_path)]
    write(tmp_path, {**CLEAN, "core/io/a.c": "int class;\n"})
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode == 1 and "core/io/a.c:1:" in done.stdout


def test_parts_are_for_their_own_folder(tmp_path):
    files = {
        "core/base/str_parts.h": GUARD.format(""),
        "core/base/README.md": "`str*.c`, `str_parts.h`\n",
        "core/io/json.c": '#include "core/base/str.h"\n#include "core/base/str_parts.h"\n',
    }
    hits = [f for f in found(write(tmp_path, {**CLEAN, **files})) if f.rule == "arrows"]
    assert [f.path for f in hits] == ["core/io/json.c"] and "own folder" in hits[0].text


def test_every_exception_to_the_prefixes_is_needed():
    tree = Tree(Path(house.__file__).resolve().parents[1])
    for header, row in names.PREFIXES.items():
        said = [name for name, _ in names.declared(tree.code(header))]
        for prefix in row:
            assert any(name.startswith(f"rw_{prefix}") for name in said), (header, prefix)
