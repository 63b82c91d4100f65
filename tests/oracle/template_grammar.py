"""Templates from a grammar: the constructs that public chat templates use, put together at random.

`Grammar(seed).template()` is the same text for the same seed on every machine. Expressions are
made by type, so that most of them mean something; one in fifty has the wrong type on purpose.
"""

from __future__ import annotations

import random

TEXT = [
    "s", "w", "u", "q", "html", "num", "lines", "thought", "e",
    "ms[0].role", "ms[0]['content']", "ms[-1].role", "'a'", "'-'", "''", "'x y'", '"it\'s"',
    "'<|im_end|>'", "'\\n'", "'b'",
]  # fmt: skip
NUMBER = ["n", "m", "z", "f", "0", "1", "2", "-1", "3", "2.0", "0.5", "10", "big"]
TRUTH = ["t", "no", "true", "false", "nope is defined", "nil is none"]
LIST = ["xs", "names", "empty", "ms", "ms[1:]", "[1, 2]", "['a', 'B', 'a']", "(1, 'x')", "deep.x.y"]
DICT = ["d", "deep", "ms[0]", "ms[2].content", "{'k': 'v', 'a': 1}", "{}"]
BY_VALUE, NO_X, A_TO_O = "by='value'", "ms | rejectattr('x')", "replace('a', 'o')"
ODD = ["nil", "nope", "nope.x", "ms[0].nothing", "range", "d.nope", "none"]

LOOP = [
    "index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "previtem",
    "nextitem", "cycle('a', 'b')", "cycle(n, m, z)", "nosuch", "previtem is defined",
]  # fmt: skip


class Grammar:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.depth = 1
        self.names = []
        self.macros = []

    def pick(self, *of):
        return self.random.choice(of)

    def chance(self, of):
        return self.random.random() < of

    # ---- expressions ---------------------------------------------------------------------------

    def any(self):
        make = self.pick(self.text, self.text, self.number, self.truth, self.list, self.dict)
        return self.odd() if self.chance(0.03) else make()

    def odd(self):
        return self.random.choice(ODD + [name for name, _ in self.names])

    def name(self, name, kind):
        self.names.append((name, kind))

    def typed(self):
        """(kind, expression)"""
        make = self.pick(self.text, self.text, self.number, self.truth, self.list, self.dict)
        return make.__name__, make()

    def of(self, make, atoms, deeper):
        """An expression of one type: an atom, or one of the `deeper` forms."""
        self.depth += 1
        try:
            if self.chance(1 / 50):
                return self.any() if self.depth < 6 else self.odd()
            if self.depth > 4 or self.chance(0.45):
                kind = make.__name__
                near = [name for name, of in self.names if of == kind][-3:]
                return self.random.choice(near or atoms)
            return self.random.choice(deeper)()
        finally:
            self.depth -= 1

    def text(self):
        t, i, v = self.text, self.number, self.any
        return self.of(
            self.text,
            TEXT,
            [
                lambda: f"{t()} ~ {v()}",
                lambda: f"({t()} + {t()})",
                lambda: f"{t()} * {self.pick('2', '0', 'n')}",
                lambda: f"({v()} ~ {v()} ~ {t()})",
                lambda: f"({t()}){self.strip()}",
                lambda: f"({t()})[{self.slice()}]",
                lambda: f"({t()})[{i()}]",
                lambda: f"({t()}).split({self.separator()})[{self.pick('0', '-1', '1')}]",
                lambda: (
                    f"({t()}).rsplit({t()}, {self.pick('1', '2', '0')})[{self.pick('0', '-1')}]"
                ),
                lambda: f"({t()}).replace({t()}, {t()}{self.pick('', ', 1', ', 0', ', -1')})",
                lambda: f"({t()}) | replace({t()}, {t()}{self.pick('', ', 1')})",
                lambda: f"({t()}).{self.pick('upper', 'lower', 'title', 'capitalize')}()",
                lambda: f"({v()}) | {self.pick('upper', 'lower', 'title', 'capitalize', 'trim')}",
                lambda: f"({v()}) | {self.pick('string', 'e', 'escape', 'safe', 'd', 'length')}",
                lambda: f"({t()}) | trim{self.pick('', '()', f'({t()})')}",
                lambda: f"({t()}) | indent({self.pick('', '2', '0', 'width=3', '2, true')})",
                lambda: f"({t()}) | indent(2, blank=true)",
                lambda: f"({v()}) | default({t()}{self.pick('', ', true', ', boolean=true')})",
                lambda: f"({v()}) | tojson{self.json()}",
                lambda: f"({self.list()}) | join({self.pick('', t())})",
                lambda: f"ms | join({t()}, attribute={self.path()})",
                lambda: f"({t()}).join({self.list()})",
                lambda: f"'{{}}{self.pick('', '-{}', '{{{{')}'.format({v()}, {v()})",
                lambda: f"({t()}).partition({t()})[{self.pick('0', '1', '2')}]",
                lambda: f"({t()}).rpartition({t()}) | join('|')",
                lambda: f"({t()}).remove{self.pick('prefix', 'suffix')}({t()})",
                lambda: f"({t()}).zfill({i()})",
                lambda: f"({t()}) | reverse",
                lambda: f"({t()} if {self.truth()} else {v()})",
                lambda: f"({t()} if {self.truth()})",
                lambda: f"({v()} or {t()})",
                lambda: f"({v()} and {t()})",
                lambda: f"({self.list()}) | {self.pick('first', 'last', 'max', 'min')}",
                lambda: f"({self.dict()}).get({t()}{self.pick('', f', {v()}')})",
                lambda: f"({self.dict()})[{t()}]",
                lambda: f"({self.dict()}).{self.pick('k', 'a', 'b', 'role', 'content', 'items_')}",
                self.call,
            ],
        )

    def strip(self):
        return f".{self.pick('', 'l', 'r')}strip({self.pick('', '', self.text(), 'none')})"

    def separator(self):
        return self.pick(
            "", "none", self.text(), f"{self.text()}, 1", "none, 1", f"sep={self.text()}"
        )

    def slice(self):
        def part():
            return self.pick("", "", "1", "-1", "2", "-2", "100", "-100", self.number())

        return f"{part()}:{part()}{self.pick('', '', ':', ':2', ':-1', ':-2', f':{self.number()}')}"

    def json(self):
        return self.pick(
            "", "", "(indent=2)", "(indent=4)", "(indent=0)", "(ensure_ascii=true)",
            "(sort_keys=true)",             "(separators=(',', ':'))",
            "(indent=1, sort_keys=true)", "(indent=none)", "(true)",
        )  # fmt: skip

    def path(self):
        return self.pick(
            "'role'", "'content'", "'content.r'", "'tool_calls'", "'nope'", "'content.0'", "0"
        )

    def number(self):
        i, t = self.number, self.text
        return self.of(
            self.number,
            NUMBER,
            [
                lambda: f"({i()} {self.pick('+', '-', '*', '/', '//', '%')} {i()})",
                lambda: f"{i()} ** {self.pick('2', '0', '-1', '0.5')}",
                lambda: f"(-{i()})",
                lambda: f"({self.list()}) | {self.pick('length', 'count', 'sum', 'max', 'min')}",
                lambda: f"({self.any()}) | length",
                lambda: f"({self.any()}) | int{self.pick('', '(5)', '(default=-1)')}",
                lambda: f"({self.any()}) | float",
                lambda: f"({i()}) | {self.pick('abs', 'round', 'round | int')}",
                lambda: f"({t()}).{self.pick('find', 'rfind', 'count', 'index')}({t()})",
                lambda: f"({self.list()}).{self.pick('index', 'count')}({self.any()})",
                lambda: f"({i()} if {self.truth()} else {i()})",
            ],
        )

    def truth(self):
        b, v, t = self.truth, self.any, self.text
        return self.of(
            self.truth,
            TRUTH,
            [
                lambda: f"(not {v()})",
                lambda: f"({v()} {self.pick('and', 'or')} {v()})",
                lambda: f"({v()} {self.pick('==', '!=')} {v()})",
                lambda: f"({self.number()} {self.pick('<', '<=', '>', '>=')} {self.number()})",
                lambda: f"({t()} {self.pick('<', '>=')} {t()})",
                lambda: f"({v()} {self.pick('in', 'not in')} {self.holder()})",
                lambda: f"({v()} is {self.pick('', 'not ')}{self.test()})",
                lambda: f"({t()}).{self.pick('starts', 'ends')}with({self.ends()})",
                lambda: f"({t()}).is{self.pick('digit', 'alpha', 'space', 'upper', 'lower')}()",
                lambda: f"({self.number()} < {self.number()} < {self.number()})",
                lambda: f"({b()} if {b()} else {b()})",
            ],
        )

    def holder(self):
        return self.pick(self.list, self.text, self.dict)()

    def ends(self):
        one, other = self.text(), self.text()
        return self.pick(one, f"({one}, {other})")

    def test(self):
        return self.pick(
            "defined", "undefined", "none", "string", "mapping", "iterable", "sequence", "number",
            "integer", "float", "boolean", "true", "false", "callable", "even", "odd", "upper",
            "lower", f"eq({self.any()})", f"in({self.list()})", f"gt({self.number()})",
            f"divisibleby({self.number()})", f"sameas({self.pick('true', 'none', 'false')})",
            f"equalto {self.text() if self.depth < 4 else 'n'}".split(" ~")[0],
        )  # fmt: skip

    def list(self):
        v, x = self.any, self.list
        return self.of(
            self.list,
            LIST,
            [
                lambda: f"[{v()}, {v()}]",
                lambda: f"({v()}, {v()})",
                lambda: f"({x()} + {x()})",
                lambda: f"({x()})[{self.slice()}]",
                lambda: f"({self.text()}).split({self.separator()})",
                lambda: f"({self.text()}).splitlines({self.pick('', 'true')})",
                lambda: f"({self.text()}) | list",
                lambda: f"range({self.pick('3', '1, 4', '5, 0, -2', self.number())})",
                lambda: f"range({self.number()}) | list",
                lambda: (
                    f"({x()}) | {self.pick('list', 'reverse', 'reverse | list', 'sort', 'unique')}"
                ),
                lambda: f"({x()}) | unique | list",
                lambda: (
                    f"({x()}) | sort({self.pick('reverse=true', 'case_sensitive=true', 'true')})"
                ),
                lambda: f"ms | map(attribute={self.path()}) | list",
                lambda: f"ms | map(attribute={self.path()}, default={v()}) | list",
                lambda: (
                    f"ms | {self.pick('sel', 'rej')}ectattr({self.path()}{self.chosen()}) | list"
                ),
                lambda: f"({x()}) | {self.pick('select', 'reject')}({self.by()}) | list",
                lambda: f"({x()}) | map({self.mapped()}) | list",
                lambda: f"ms | sort(attribute={self.path()})",
                lambda: f"({self.dict()}) | {self.pick('dictsort', 'items | list', 'list')}",
                lambda: (
                    f"({self.dict()}) | dictsort({self.pick('true', BY_VALUE, 'reverse=true')})"
                ),
                lambda: f"({self.dict()}).{self.pick('items', 'keys', 'values')}() | list",
                lambda: f"({x()} if {self.truth()} else {x()})",
                lambda: f"({v()} or {x()})",
            ],
        )

    def chosen(self):
        return self.pick(
            "", ", 'defined'", f", 'equalto', {self.text()}", ", 'none'", ", 'string'",
            f", 'in', {self.list()}", ", 'ne', 'user'", ", '==', 'tool'", ", 'mapping'",
        )  # fmt: skip

    def by(self):
        return self.pick(
            "", "'odd'", "'string'", "'defined'", f"'equalto', {self.any()}", "'gt', 1", "'in', xs",
            "'number'", "'divisibleby', 2", "'none'",
        )  # fmt: skip

    def mapped(self):
        return self.pick(
            "'upper'", "'string'", "'trim'", "'length'", "'tojson'", "'int'",
            f"'default', {self.any()}",             f"'replace', {self.text()}, {self.text()}",
            "'first'", "'list'", "'join', '+'", "'e'",
        )  # fmt: skip

    def dict(self):
        return self.of(
            self.dict,
            DICT,
            [
                lambda: f"{{'k': {self.any()}, {self.text()}: {self.any()}}}",
                lambda: f"dict(a={self.any()}, b={self.any()})",
                lambda: f"dict({self.dict()}, k={self.any()})",
                lambda: f"({self.dict()}).copy()",
                lambda: f"({self.list()})[{self.pick('0', '-1')}]",
            ],
        )

    def call(self):
        if not self.macros:
            return self.random.choice(TEXT)
        name, n = self.random.choice(self.macros)
        given = [self.any() for _ in range(self.random.randint(n // 2, n))]
        if self.chance(0.3) and n:
            given.append(f"p{self.random.randrange(n)}={self.any()}")
        return f"{name}({', '.join(given)})"

    # ---- statements ----------------------------------------------------------------------------

    def tag(self, inside):
        left, right = self.pick("", "", "-", "-", "+"), self.pick("", "", "-", "-", "+")
        return "{%" + f"{left} {inside} {right}" + "%}"

    def between(self):
        return self.pick(
            "", "", "\n", "  ", "\n    ", " x\n", "a", "<b>\n\n", "\t", "\n\t\n",
            "é ", "{ ", "%}", "\r\n",
        )  # fmt: skip

    def shown(self):
        return "{{" + self.pick("", "-") + f" {self.any()} " + self.pick("", "-") + "}}"

    def target(self):
        return self.pick("a", "b", "c", "n", "xs")

    def body(self, length=2):
        self.depth += 1
        kept, macros = len(self.names), len(self.macros)
        out = ""
        for _ in range(self.random.randint(1, length)):
            out += self.between() + self.statement()
        del self.names[kept:]
        del self.macros[macros:]
        self.depth -= 1
        return out + self.between()

    def statement(self):
        if self.depth > 4:
            return self.shown()
        return self.pick(
            self.shown, self.shown, self.shown, self.when, self.loop, self.loop, self.let, self.let,
            self.block, self.macro, self.count, self.around, self.remark, self.over_messages,
        )()  # fmt: skip

    def when(self):
        out = self.tag(f"if {self.truth()}") + self.body()
        if self.chance(0.3):
            out += self.tag(f"elif {self.any()}") + self.body()
        if self.chance(0.5):
            out += self.tag("else") + self.body()
        return out + self.tag("endif")

    def loop(self):
        target, over = self.pick(
            ("x", lambda: self.pick("xs", "[1, n]", "range(3)")),
            ("x", self.list),
            ("k", self.dict),
            ("k, v", lambda: f"({self.dict()}).items()"),
            ("k, v", lambda: f"({self.dict()}) | {self.pick('items', 'dictsort')}"),
            ("k", self.text),
        )
        some = f" if {self.truth()}" if self.chance(0.2) else ""
        out = self.tag(f"for {target} in {over()}{some}")
        kept = len(self.names)
        self.name(target[0], "number" if target == "x" else "text")
        out += self.body()
        if self.chance(0.6):
            out += "{{ loop." + self.random.choice(LOOP) + " }}"
        if self.chance(0.15):
            out += self.tag(f"if {self.truth()}") + self.tag(self.pick("break", "continue"))
            out += self.tag("endif")
        out += self.body(1)
        del self.names[kept:]
        if self.chance(0.2):
            out += self.tag("else") + self.body()
        return out + self.tag("endfor")

    def over_messages(self):
        """The loop that every chat template has."""
        name = self.pick("message", "m", "turn")
        out = self.tag(f"for {name} in {self.pick('ms', 'ms[1:]', NO_X)}")
        kept = len(self.names)
        self.name(name, "dict")
        out += self.tag(f"if {name}.role == 'user' {self.pick('and', 'or')} {self.truth()}")
        out += (
            "{{ '<|' ~ "
            + name
            + "['role'] ~ '|>' ~ "
            + f"{name}.content | {self.pick('string', 'trim', 'tojson')}"
        )
        out += " }}" + self.tag(self.pick("else", f"elif {name}.tool_calls is defined"))
        out += self.body() + self.tag("endif") + self.body(1)
        del self.names[kept:]
        return out + self.tag("endfor")

    def let(self):
        name = self.target()
        if self.chance(0.15):
            (one, a), (other, b) = self.typed(), self.typed()
            self.name("a", one)
            self.name("b", other)
            return self.tag(f"set a, b = {a}, {b}")
        kind, value = self.typed()
        self.name(name, kind)
        return self.tag(f"set {name} = {value}")

    def block(self):
        name = self.target()
        filters = self.pick("", "", " | trim", " | upper", " | replace('a', 'b') | trim")
        out = self.tag(f"set {name}{filters}") + self.body() + self.tag("endset")
        self.name(name, "text")
        return out

    def macro(self):
        n = self.random.randint(0, 3)
        parameters, optional = [], False
        for i in range(n):
            optional = optional or self.chance(0.4)
            parameters.append(f"p{i}" + (f"={self.any()}" if optional else ""))
        name = self.pick("f", "g")
        out = self.tag(f"macro {name}({', '.join(parameters)})")
        kept = list(self.names)
        for i in range(n):
            self.name(f"p{i}", self.pick("text", "number", "any"))
        out += self.body()
        self.names = kept
        self.macros.append((name, n))
        return out + self.tag("endmacro") + "{{ " + self.call() + " }}"

    def count(self):
        kind, value = self.typed()
        out = self.tag(f"set ns = namespace(v={value}, k=0)")
        out += self.tag(f"for x in {self.pick('xs', 'range(3)', self.list())}")
        kept = len(self.names)
        self.name("ns.v", kind)
        self.name("ns.k", "number")
        key, value = self.pick(("v", getattr(self, kind)), ("k", self.number), ("new", self.any))
        out += self.tag(f"set ns.{key} = {value()}") + self.body(2)
        del self.names[kept:]
        return out + self.tag("endfor") + "{{ ns.v }}{{ ns.k }}{{ ns.new }}"

    def around(self):
        begin, end = self.pick(
            ("generation", "endgeneration"),
            (f"with a = {self.any()}, b = {self.any()}", "endwith"),
            (f"filter {self.pick('upper', 'trim', 'length', A_TO_O)}", "endfilter"),
        )  # fmt: skip
        return self.tag(begin) + self.body() + self.tag(end)

    def remark(self):
        return self.pick(
            "{# a {{ b }} #}", "{#- a -#}", "{#+ a +#}", "{% raw %} {{ a }} {% endraw %}",
            "{%- raw -%} {% b %} {%- endraw -%}", "{{ '{{' }}", "{{ '%}' }}",
        )  # fmt: skip

    def template(self):
        return self.body(4)
