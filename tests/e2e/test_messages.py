"""Messages with content parts, tool turns and tools over HTTP: laid out by the folder's template,
or refused by a recipe that has no place for them."""

import json
import os
import shutil
import urllib.error

import pytest
from daemon import Daemon

ORM = os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy", "models", "rewardd-orm-small"
)
TEMPLATE = (
    "{% if tools %}{{ tools | tojson }}\n{% endif %}"
    "{% for m in messages %}{{ m.role }}: "
    "{% if m.content is string %}{{ m.content }}{% else %}"
    "{% for part in m.content %}{{ part.text }}{% endfor %}{% endif %}"
    "{% for call in m.tool_calls or [] %}"
    "{{ call.function.name }}({{ call.function.arguments | tojson }}){% endfor %}\n{% endfor %}"
)
CALL = {"type": "function", "function": {"name": "add", "arguments": {"a": 2, "b": [1.5, None]}}}
TOOL = {"type": "function", "function": {"name": "add", "description": 'adds "x"'}}


def user(content):
    return {"role": "user", "content": content}


@pytest.fixture(scope="module")
def daemon(rewardd_bin, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "templated"
    shutil.copytree(ORM, path)
    recipe = json.loads((path / "rewardd.json").read_text())
    recipe["layout"] = {"chat": "auto"}
    del recipe["golden"]
    (path / "rewardd.json").write_text(json.dumps(recipe))
    (path / "chat_template.jinja").write_text(TEMPLATE)
    with Daemon([path, f"{ORM}=plain"]) as running:
        yield running.wait_ready()


def raws(value):
    """Every raw reward of an outcome in a reply."""
    if isinstance(value, dict):
        outcome = value.get("outcome")
        own = outcome.get("raw") if isinstance(outcome, dict) else None
        return [r for child in value.values() for r in raws(child)] + [own] * (own is not None)
    return [r for child in value for r in raws(child)] if isinstance(value, list) else []


def raw(daemon, messages, **more):
    body = {"messages": messages, "trace": "5", "outcome_model": "templated", **more}
    found = raws(daemon.post("/v1/rewards", body))
    assert len(found) == 1
    return found[0]


def status_of(daemon, body):
    with pytest.raises(urllib.error.HTTPError) as refused:
        daemon.post("/v1/rewards", {"trace": "5", "outcome_model": "templated", **body})
    return refused.value.code, json.load(refused.value)


def test_parts_are_one_text_where_the_template_joins_them(daemon):
    parts = [{"type": "text", "text": "What is "}, {"type": "text", "text": "2+3?"}]
    assert raw(daemon, [user(parts)]) == raw(daemon, [user("What is 2+3?")])
    assert raw(daemon, [user(parts)]) != raw(daemon, [user("What is 2+4?")])


def test_tool_turns_are_what_the_template_writes(daemon):
    call = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    answer = {"role": "tool", "content": "3.5", "name": "add", "tool_call_id": "x"}
    written = 'add({"a": 2, "b": [1.5, null]})'
    same = [user("2+3?"), {"role": "assistant", "content": written}, user("3.5")]
    # "2" beside "1.5" cannot be told from "2.0" once it has been read
    code, told = status_of(daemon, {"messages": [user("2+3?"), call, answer]})
    assert code == 400 and "told" in json.dumps(told)
    whole = {**CALL, "function": {"name": "add", "arguments": {"a": 2, "b": [1, None]}}}
    call["tool_calls"] = [whole]
    same[1]["content"] = written.replace("1.5", "1")
    by_template = raw(daemon, [user("2+3?"), call, answer])
    same[2]["role"] = "user"
    assert by_template != raw(daemon, same)  # the role of the last turn differs
    call_null = {"role": "assistant", "content": None, "tool_calls": [whole], "name": None}
    assert by_template == raw(daemon, [user("2+3?"), {**call_null, "content": ""}, answer])


def test_tools_are_passed_on(daemon):
    assert raw(daemon, [user("a")], tools=[TOOL]) != raw(daemon, [user("a")])
    assert raw(daemon, [user("a")], tools=[]) == raw(daemon, [user("a")])
    code, told = status_of(daemon, {"messages": [user("a")], "tools": {}})
    assert code == 400 and "tools" in json.dumps(told)


def test_a_recipe_without_template_reads_the_text(daemon):
    """Its own layout has places for a question and an answer, and none for tools."""
    parts = [{"type": "text", "text": "What is "}, {"type": "text", "text": "2+3?"}]
    same = [user(parts), {"role": "user", "content": "What is 2+3?", "name": "Tom"}]
    plain = raw(daemon, [user("What is 2+3?")], outcome_model="plain")
    assert [raw(daemon, [m], outcome_model="plain") for m in same] == [plain, plain]
    body = {"messages": [user("a")], "trace": "5", "outcome_model": "plain", "tools": [TOOL]}
    try:
        reply = daemon.post("/v1/rewards", body)
    except urllib.error.HTTPError as refused:
        reply = json.load(refused)
    assert "no place for tools" in json.dumps(reply) and raws(reply) == []


def test_typing_errors_are_still_told(daemon):
    code, told = status_of(daemon, {"messages": [{"role": "user", "contnet": "a"}]})
    assert code == 400 and "content" in json.dumps(told)
    code, told = status_of(daemon, {"messages": [{"role": "usr", "content": "a"}]})
    assert code == 400 and "user" in json.dumps(told)
    code, told = status_of(daemon, {"messages": [user([3])]})
    assert code == 400
