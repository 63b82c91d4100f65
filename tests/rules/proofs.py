"""A test that cannot fail is a defect: every test reaches an assertion, and none is always true."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from rules.tree import Finding, Tree, line_of

C_TEST = re.compile(r"^START_TEST\((\w+)\)\n\{\n(.*?)^\}\nEND_TEST", re.M | re.S)
C_ASSERTS = re.compile(r"\b(ck_assert\w*|ck_abort\w*|rw_assert)\s*\(")
C_ALWAYS = re.compile(r"\bck_assert(?:_msg)?\(\s*(1|true|!0)\s*[,)]")
DIES = re.compile(r"tcase_add_(?:exit_test|test_raise_signal)\(\w+, (\w+),")
CALL = re.compile(r"\b([a-z_]\w*)\s*\(")
PYTHON_ASSERTS = ("raises", "fail", "warns", "assert_", "check_call", "check_output")


def c_reaching(tree: Tree) -> set[str]:
    """Functions of the tests that reach an assertion, directly or through others."""
    bodies: dict[str, str] = {}
    for file in tree.c_files("tests/"):
        for function in tree.functions(file):
            bodies[function.name] = bodies.get(function.name, "") + function.body
        for macro in re.finditer(r"#define (\w+)\(.*?(?<!\\)\n", tree.code(file), re.S):
            bodies[macro[1]] = bodies.get(macro[1], "") + macro[0].partition(")")[2]
    reaching = {name for name, body in bodies.items() if C_ASSERTS.search(body)}
    grown = True
    while grown:
        more = {
            name
            for name, body in bodies.items()
            if name not in reaching and reaching & set(CALL.findall(body))
        }
        # `while (fault_each(&f, run))` hands a checking function on by name
        more |= {
            name
            for name, body in bodies.items()
            if name not in reaching | more and reaching & set(re.findall(r"\b\w+\b", body))
        }
        reaching |= more
        grown = bool(more)
    return reaching


def c_tests(tree: Tree) -> Iterator[Finding]:
    reaching = c_reaching(tree)
    for file in tree.some(".c", under=("tests/",)):
        code = tree.code(file)
        dying = set(DIES.findall(code))
        for test in C_TEST.finditer(code):
            line = line_of(code, test.start())
            named = set(re.findall(r"\b\w+\b", test[2]))
            if test[1] in dying:
                continue  # the death is what is asserted
            if not C_ASSERTS.search(test[2]) and not reaching & named:
                yield Finding("proofs", file, line, f"{test[1]} asserts nothing")
        for hit in C_ALWAYS.finditer(code):
            yield Finding("proofs", file, line_of(code, hit.start()), "is always true")


@dataclass
class PythonFile:
    """Names of its functions that assert, and of what they call."""

    tests: list[ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=list)
    asserting: set[str] = field(default_factory=set)
    calls: dict[str, set[str]] = field(default_factory=dict)


def asserts(node: ast.AST) -> bool:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assert | ast.Raise):
            return True
        if isinstance(inner, ast.Call) and callee(inner).startswith(PYTHON_ASSERTS):
            return True
        if isinstance(inner, ast.keyword) and inner.arg == "check":
            return True  # subprocess.run(..., check=True)
    return False


def callee(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def read_python(text: str) -> PythonFile:
    found = PythonFile()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("test_"):
                found.tests.append(node)
            if asserts(node):
                found.asserting.add(node.name)
            names = {callee(inner) for inner in ast.walk(node) if isinstance(inner, ast.Call)}
            found.calls.setdefault(node.name, set()).update(names)
    return found


def same(a: ast.AST, b: ast.AST) -> bool:
    return ast.dump(a) == ast.dump(b)


def implies(a: ast.expr, b: ast.expr) -> bool:
    """a implies b, in the plain cases: b is a, or a is a conjunction with b in it."""
    return same(a, b) or (
        isinstance(a, ast.BoolOp)
        and isinstance(a.op, ast.And)
        and any(implies(value, b) for value in a.values)
    )


def always(test: ast.expr) -> str | None:
    """Why an asserted condition decides nothing, or None."""
    if isinstance(test, ast.Constant) and test.value:
        return "is always true"
    if isinstance(test, ast.Tuple) and test.elts:
        return "a tuple is always true"
    if isinstance(test, ast.JoinedStr):
        return "is always true"
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        for a in test.values:
            if isinstance(a, ast.Constant) and a.value:
                return "`or` with something always true"
            if any(a is not b and implies(a, b) for b in test.values):
                return "`A or B` where A implies B"
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        equal = isinstance(test.ops[0], ast.Eq | ast.LtE | ast.GtE | ast.Is)
        called = any(isinstance(n, ast.Call) for n in ast.walk(test.left))
        if equal and not called and same(test.left, test.comparators[0]):
            return "compares a thing with itself"
        length = isinstance(test.left, ast.Call) and callee(test.left) == "len"
        right = test.comparators[0]
        zero = isinstance(right, ast.Constant) and right.value == 0
        if length and zero and isinstance(test.ops[0], ast.GtE):
            return "a length is never negative"
    return None


def python_tests(tree: Tree) -> Iterator[Finding]:
    files = {f: read_python(tree.text(f)) for f in tree.some(".py")}
    reaching = {name for found in files.values() for name in found.asserting}
    grown = True
    while grown:
        more = {
            name
            for found in files.values()
            for name, names in found.calls.items()
            if name not in reaching and names & reaching
        }
        reaching |= more
        grown = bool(more)
    for file, found in files.items():
        for test in found.tests:
            if test.name not in reaching:
                yield Finding("proofs", file, test.lineno, f"{test.name} asserts nothing")
        for node in ast.walk(ast.parse(tree.text(file))):
            if isinstance(node, ast.Assert):
                why = always(node.test)
                if why is not None:
                    yield Finding("proofs", file, node.lineno, why)


RULES = (c_tests, python_tests)
