"""The wires of trainers and peers against the daemon: each documented example, each refusal.

proto/openapi.json has the routes, their examples and the form of their errors; the tests walk
through it, so that a wire that is added is tested when it is documented."""

import copy
import http.client
import json
import math
import random
import re
from pathlib import Path

import pytest
from daemon import Daemon

TOP = Path(__file__).resolve().parents[2]
DOCUMENT = json.loads((TOP / "proto" / "openapi.json").read_text())
MODELS = [TOP / "deploy" / "models" / name for name in ("rewardd-prm-small", "rewardd-orm-small")]
QUESTION = "Anna buys 5 books at $4 each. How much is that?"
ANSWER = "5 * $4 = $20.\n\nShe pays $20."


def wires():
    """Paths in proto/*.c that proto/wires.def names."""
    objects = re.findall(r"^RW_WIRE\((\w+)\)", (TOP / "proto" / "wires.def").read_text(), re.M)
    text = "".join(path.read_text() for path in sorted((TOP / "proto").glob("*.c")))
    for name in objects:
        table = re.search(rf"const struct rw_wire {name} = \{{(.*?)\n\}};", text, re.S)
        yield from re.findall(
            r'"(/[^"]*)"', re.search(r"\.path = \{([^}]*\}?[^}]*)\},", table[1])[1]
        )


PATHS = list(wires())


def operation(path):
    return DOCUMENT["paths"][path]["post"]


def content(path):
    return operation(path)["requestBody"]["content"]["application/json"]


def examples():
    for path in PATHS:
        for name, example in content(path)["examples"].items():
            yield pytest.param(path, example["value"], id=f"{path}:{name}")


def validate(value, schema):
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(value, {**schema, "components": DOCUMENT["components"]})


def error_schema(path):
    reference = operation(path)["responses"]["4XX"]["$ref"].rsplit("/", 1)[1]
    return DOCUMENT["components"]["responses"][reference]["content"]["application/json"]["schema"]


@pytest.fixture(scope="module")
def server(rewardd_bin):
    with Daemon(MODELS) as d:
        yield d.wait_ready()


def send(server, path, body, method="POST", headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    path = path.replace("{id}", "rewardd-orm-small")
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request(method, path, data, {"Content-Type": "application/json", **(headers or {})})
    reply = connection.getresponse()
    text = reply.read()
    connection.close()
    return reply, json.loads(text) if text else None


def chatml(*turns, opened=True):
    text = "".join(f"<|im_start|>{role}\n{content}<|im_end|>\n" for role, content in turns)
    return text + ("<|im_start|>assistant\n" if opened else "")


def native(server, answer=ANSWER, messages=None, **options):
    messages = messages or [{"role": "user", "content": QUESTION}]
    body = {"messages": messages, "trace": answer, "flags": "off", **options}
    return send(server, "/v1/rewards", body)[1]["results"][0]


PROMPT = chatml(("user", QUESTION))


# ---- the document and the table ----------------------------------------------------------------


def test_every_wire_is_documented():
    assert len(PATHS) >= 17
    for path in PATHS:
        assert content(path)["examples"], path


@pytest.mark.parametrize(("path", "body"), list(examples()))
def test_examples_are_answered_as_documented(server, path, body):
    validate(body, content(path)["schema"])
    reply, got = send(server, path, body)
    assert reply.status == 200, got
    assert reply.headers["Content-Type"] == "application/json"
    validate(got, operation(path)["responses"]["200"]["content"]["application/json"]["schema"])


# ---- equal numbers -----------------------------------------------------------------------------


def test_every_wire_gives_the_native_rewards(server):
    """One question and one answer: the same bits by whichever door."""
    want = native(server)
    process, outcome = want["process"]["reward"], want["outcome"]["reward"]
    raw = want["outcome"]["raw"]
    steps = [step["reward"] for step in want["steps"]]
    opened = chatml(("user", QUESTION))
    whole = opened + ANSWER + "<|im_end|>"
    chat = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]

    def ask(path, body):
        reply, got = send(server, path, body)
        assert reply.status == 200, got
        return got

    trained = ask("/get_reward", {"query": [whole], "prompts": [opened]})
    assert trained["rewards"] == [process] and trained["extra_logs"]["orm_reward"] == [outcome]
    slime = ask("/compat/slime", {"prompt": opened, "response": ANSWER})
    assert (slime["reward"], slime["outcome"], slime["outcome_raw"]) == (process, outcome, raw)
    assert [step["reward"] for step in slime["steps"]] == steps
    spans = [ANSWER[slice(*step["chars"])] for step in slime["steps"]]
    assert spans == ANSWER.split("\n\n")
    assert ask("/compat/slime?bare=1", {"prompt": QUESTION, "response": ANSWER}) == process
    assert ask("/v1/score/evaluation", {"messages": [whole]})["scores"] == [raw]
    pooled = ask("/pooling", {"messages": chat})["data"][0]["data"]
    assert [row[1] for row in pooled] == steps
    assert ask("/pooling?which=outcome", {"messages": chat})["data"][0]["data"] == [[raw]]
    classes = ask("/classify", {"messages": chat})["data"][0]["probs"]
    assert classes == [outcome]
    assert ask("/classify", {"messages": chat, "activation": False})["data"][0]["probs"] == [raw]
    ranked = ask("/v2/rerank", {"query": QUESTION, "documents": [ANSWER]})["results"]
    assert [one["relevance_score"] for one in ranked] == [outcome]
    ranked = ask("/rerank?which=process", {"query": QUESTION, "documents": [ANSWER]})["results"]
    assert [one["relevance_score"] for one in ranked] == [process]
    assert ask("/score", {"text_1": QUESTION, "text_2": ANSWER})["data"][0]["score"] == outcome
    assert ask("/predict", {"inputs": whole}) == [[{"label": "LABEL_0", "score": outcome}]]
    inputs = [{"name": n, "data": [t]} for n, t in (("prompt", QUESTION), ("response", ANSWER))]
    infer = ask("/v2/models/{id}/infer", {"inputs": inputs, "id": "7"})
    assert infer["outputs"][0]["data"] == [outcome] and infer["id"] == "7"
    text = f"Question: {QUESTION} Answer: {ANSWER}"
    assert ask("/worker_reward_inference", {"input_str": [text]}) == {"reward": [steps]}
    assert ask("/worker_value_inference", {"input_str": text}) == {"value": [steps]}
    turns = [{"role": "user", "content": QUESTION + "\n\n5 * $4 = $20."}]
    turns += [{"role": "assistant", "content": "+"}, {"role": "user", "content": "She pays $20."}]
    verdict = ask("/v1/chat/completions", {"messages": turns, "max_tokens": 1})["choices"][0]
    assert verdict["message"]["content"] == ("+" if steps[1] >= 0.5 else "-")


def test_raw_text_is_read_as_it_stands(server):
    """A text that the client laid out like the model's own recipe gets the recipe's value."""
    raw = native(server)["outcome"]["raw"]
    data = send(server, "/pooling?which=outcome", {"input": QUESTION + ANSWER})[1]["data"]
    again = send(server, "/classify", {"text": [QUESTION + ANSWER] * 2})[1]
    assert [one["embedding"][0] for one in again] == [data[0]["data"][0][0]] * 2
    assert data[0]["data"][0][0] != raw  # it is not the recipe's text
    tokens = send(server, "/v1/embeddings", {"input": [[5, 6, 7]]})[1]["data"][0]["embedding"]
    assert len(tokens) == 3


# ---- options in the address --------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_unknown_options_are_refused_by_name(server, path):
    body = next(iter(content(path)["examples"].values()))["value"]
    for query, says in [
        ("modle=x", "model"),
        ("aggregate=avg", "aggregate"),
        ("roles=maybe", "roles"),
        ("which=both", "which"),
        ("unscorable=none", "unscorable"),
        ("overlong=cut", "overlong"),
        ("model=%ff", ""),
        ("run=%", ""),
        ("model=nosuch", "nosuch"),
    ]:
        reply, got = send(server, f"{path}?{query}", body)
        assert reply.status in (400, 404), (query, got)
        validate(got, error_schema(path))
        assert says in json.dumps(got), (query, got)


def test_options_reach_the_scores(server):
    body = {"query": [chatml(("user", QUESTION)) + ANSWER]}
    want = native(server, aggregate="mean")["process"]["reward"]
    assert send(server, "/get_reward?aggregate=mean", body)[1]["rewards"] == [want]
    assert want != native(server)["process"]["reward"]
    only = send(server, "/get_reward?which=outcome", body)[1]
    assert only["rewards"] == [native(server)["outcome"]["raw"]]


def test_options_without_a_place_are_refused(server):
    """What a wire cannot do is not ignored: it would look as if it were done."""
    for path in PATHS:
        body = next(iter(content(path)["examples"].values()))["value"]
        refused = {}
        for option in ("unscorable=-1", "bare=1", "overlong=drop_steps"):
            reply, got = send(server, f"{path}?{option}", body)
            assert reply.status in (200, 400), got
            if reply.status == 400:
                validate(got, error_schema(path))
                refused[option] = json.dumps(got)
        assert ("bare=1" in refused) == (path != "/compat/slime")
        steps = ("/pooling", "/v1/chat/completions", "/worker_")
        assert ("overlong=drop_steps" in refused) == path.startswith(steps), path


def test_a_verdict_is_of_the_step_that_was_asked_for(server):
    """With dropped steps it would be an earlier step's."""
    turns = [{"role": "user", "content": f"{QUESTION}\n\n5 * $4 = $20."}]
    for _ in range(3):
        turns += [{"role": "assistant", "content": "+"}]
        turns += [{"role": "user", "content": "One more thing. " * 400}]
    body = {"messages": turns, "max_tokens": 1}
    for query in ("", "?overlong=drop_steps"):
        reply, got = send(server, "/v1/chat/completions" + query, body)
        assert reply.status in (400, 422) and "choices" not in got


@pytest.mark.parametrize("number", ["1e300", "-1e39", "inf", "nan", "1e-400", "0x1p200"])
def test_a_number_of_ones_own_is_a_number(server, number):
    """What float32 cannot hold ended the daemon."""
    for path, body in [
        ("/compat/slime", {"prompt": QUESTION, "response": ""}),
        ("/get_reward", {"query": [PROMPT], "prompts": [PROMPT]}),
        ("/v1/score/evaluation", {"messages": [PROMPT + "<|im_end|>"]}),
    ]:
        reply, got = send(server, f"{path}?unscorable={number}", body)
        if number == "1e-400":
            assert reply.status == 200 and json.dumps(got).count("null") <= 1
        else:
            assert reply.status == 400 and "unscorable" in got["error"]["message"]


def test_wires_with_one_value_run_one_model(server):
    """?model= names it, whichever its kind (tests/bench/dialect_cost.py has what it saves)."""
    whole = PROMPT + ANSWER
    alone = native(server, model=None)["outcome"]["reward"]
    assert send(server, "/predict", {"inputs": whole})[1] == [
        [{"label": "LABEL_0", "score": alone}]
    ]
    name = "rewardd-prm-small"
    process = native(server)["process"]["reward"]
    assert send(server, f"/predict?model={name}", {"inputs": whole})[1][0][0]["score"] == process
    score = {"text_1": QUESTION, "text_2": ANSWER}
    assert send(server, f"/score?model={name}", score)[1]["data"][0]["score"] == process
    assert send(server, "/score?model=rewardd-orm-small", score)[1]["data"][0]["score"] == alone


def test_the_wrong_kind_of_model_is_405_to_llamafactory(server):
    """As its own server answers; its client reads no status, and finds no scores either way."""
    body = {"messages": [PROMPT + ANSWER]}
    reply, got = send(server, "/v1/score/evaluation?outcome_model=rewardd-prm-small", body)
    assert reply.status == 405 and got["error"]["status"] == 405 and "scores" not in got
    assert reply.headers["Allow"] == "OPTIONS"
    for name in ("rewardd-prm-small", "rewardd-orm-small"):
        reply, got = send(server, f"/v1/score/evaluation?model={name}", body)
        assert reply.status == 200 and got["model"] == name
    assert send(server, "/v1/score/evaluation", {"messages": []})[0].status == 400


def test_labels_of_the_run_come_by_the_address(server):
    query = "run=labelled&step=7&sample_index=3&rollout_n=4&label=seed=3&label=lr=1e-6"
    body = {"prompt": QUESTION, "response": ANSWER}
    assert send(server, f"/compat/slime?{query}", body)[0].status == 200
    assert send(server, f"/compat/slime?{query}&validate=1", body)[0].status == 200
    run = send(server, "/v1/runs/labelled", b"", method="GET")[1]
    assert run["labels"] == {"seed": "3", "lr": "1e-6"}
    assert run["traces"] + run.get("validate_traces", 0) in (1, 2)
    reply, got = send(server, "/compat/slime?run=%FF", body)
    assert reply.status == 400 and got["error"]["code"] == "invalid_utf8"
    assert send(server, "/compat/slime?run=a%0Ab", body)[0].status == 400


def test_labels_verify_and_runs_are_watched(server):
    query = chatml(("user", "2+2?")) + "2+2=4\n\nThe answer is \\boxed{4}."
    got = send(server, "/get_reward?run=door", {"query": [query] * 3, "labels": ["4", 5, None]})[1]
    assert got["extra_logs"]["verified"] == [1, 0, -1]
    assert all(isinstance(x, (int, float)) for log in got["extra_logs"].values() for x in log)
    reply, run = send(server, "/v1/runs/door", b"", method="GET")
    assert reply.status == 200 and run["traces"] == 3


# ---- turns without a place -------------------------------------------------------------------

SYSTEM = ("system", "You are a pirate.")
EARLIER = [("user", "Hi."), ("assistant", "Hello."), ("user", QUESTION)]
CONVERSATIONS = {
    "system": ([SYSTEM, ("user", QUESTION)], QUESTION, "You are a pirate.\n\n" + QUESTION, (1, 0)),
    "earlier": (EARLIER, "Hi.\n\nHello.\n\n" + QUESTION, None, (0, 2)),
    "both": (
        [SYSTEM, *EARLIER],
        "Hi.\n\nHello.\n\n" + QUESTION,
        "You are a pirate.\n\nHi.\n\nHello.\n\n" + QUESTION,
        (1, 2),
    ),
}


@pytest.mark.parametrize("kind", CONVERSATIONS)
def test_turns_without_a_place(server, kind):
    """The models here read one question. The same by every door, and the reply says so."""
    turns, auto, policy, (dropped, folded) = CONVERSATIONS[kind]
    messages = [{"role": role, "content": text} for role, text in turns]

    def alone(question):
        return native(server, messages=[{"role": "user", "content": question}])

    for roles, question in [("auto", auto), ("policy", policy or auto)]:
        got, want = native(server, messages=messages, roles=roles), alone(question)
        assert got["process"] == want["process"] and got["outcome"] == want["outcome"]
        assert "roles" not in want
        told = (dropped, folded) if roles == "auto" else (0, dropped + folded)
        assert (got["roles"]["system_dropped"], got["roles"]["turns_folded"]) == told
        prompt = chatml(*turns)
        body = {"query": [prompt + ANSWER], "prompts": [prompt]}
        reply, trained = send(server, f"/get_reward?roles={roles}", body)
        assert trained["rewards"] == [want["process"]["reward"]]
        header = f"system_dropped={told[0]}, turns_folded={told[1]}"
        assert reply.headers["X-Rewardd-Roles"] == header
        slime = {"prompt": messages, "response": ANSWER}
        slimed = send(server, f"/compat/slime?roles={roles}&bare=1", slime)[1]
        assert slimed == want["process"]["reward"]
    refused = native(server, messages=messages, roles="error")
    assert refused["process"]["reward"] is None and refused["error"]["code"] == "invalid_request"
    assert "no place" in refused["error"]["message"]


def test_parts_developers_and_tools_without_a_place(server):
    """A recipe without a template reads texts only; what else a conversation holds costs no
    trace its reward."""
    parts = [{"type": "text", "text": "Anna buys 5 books at $4 each. "},
             {"type": "text", "text": "How much is that?"}]  # fmt: skip
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    cases = [
        [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": QUESTION}],
        [{"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
         {"role": "user", "content": parts}],
        [{"role": "system", "content": None}, {"role": "user", "content": QUESTION, "name": "x"}],
    ]  # fmt: skip
    want = native(server)
    for messages in cases:
        got = native(server, messages=messages)
        assert got["process"] == want["process"] and got["outcome"] == want["outcome"]
        assert got["roles"] == {"system_dropped": 1, "turns_folded": 0}
        slime = {"prompt": messages, "response": ANSWER}
        assert send(server, "/compat/slime?bare=1", slime)[1] == want["process"]["reward"]
        assert native(server, messages=messages, roles="error")["process"]["reward"] is None
    tools = [*cases[0], {"role": "assistant", "content": None, "tool_calls": [call]},
             {"role": "tool", "tool_call_id": "c", "content": "20"}]  # fmt: skip
    folded = [{"role": "user", "content": f"{QUESTION}\n\n20"}]
    got, want = native(server, messages=tools), native(server, messages=folded)
    assert got["process"] == want["process"] and got["roles"]["turns_folded"] == 2


def test_metrics_count_turns_without_a_place(server):
    def count():
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("GET", "/metrics")
        page = connection.getresponse().read().decode()
        return [
            float(re.search(rf'^rewardd_roles_total{{became="{kind}"}} (\S+)$', page, re.M)[1])
            for kind in ("system_dropped", "turns_folded")
        ]

    before = count()
    turns = [SYSTEM, *EARLIER]
    native(server, messages=[{"role": role, "content": text} for role, text in turns])
    after = count()
    assert [b - a for a, b in zip(before, after, strict=True)] == [2, 4]  # two models


# ---- splitting --------------------------------------------------------------------------------

FENCE = "```python\nx = 5\n\ny = 4 * x\n```"
CODE = f"We compute.\n{FENCE}\nSo $20. She pays it.\n\nDone."
SPLITS = {
    "model": ["We compute.\n```python\nx = 5", "y = 4 * x\n```\nSo $20. She pays it.", "Done."],
    "paragraph": [f"We compute.\n{FENCE}\nSo $20. She pays it.", "Done."],
    "line": ["We compute.", FENCE, "So $20. She pays it.", "Done."],
    "sentence": ["We compute.", f"{FENCE}\nSo $20.", "She pays it.", "Done."],
    "none": [CODE],
}


@pytest.mark.parametrize("rule", SPLITS)
def test_split_by_every_door(server, rule):
    """The native route says where it cut; steps sent as a list get the same rewards; the wires cut
    by the address alike."""
    got = native(server, CODE, split=rule)
    assert [CODE[slice(*step["chars"])] for step in got["steps"]] == SPLITS[rule]
    # The first separator that the model knows cuts: lists come without it, so the texts are equal.
    body = {"prompt": QUESTION, "response": CODE}
    slime = send(server, f"/compat/slime?split={rule}", body)[1]
    assert [step["chars"] for step in slime["steps"]] == [step["chars"] for step in got["steps"]]
    assert slime["reward"] == got["process"]["reward"]
    query = {"query": [PROMPT + CODE], "prompts": [PROMPT]}
    assert send(server, f"/get_reward?split={rule}", query)[1]["rewards"] == [slime["reward"]]


def test_separators_of_ones_own(server):
    text = "5 * 4 = 20 ## so $20 ## done"
    got = native(server, text, split=[" ## "])
    assert [text[slice(*step["chars"])] for step in got["steps"]] == text.split(" ## ")
    assert got["separator"] == " ## "
    body = {"prompt": QUESTION, "response": text}
    slime = send(server, "/compat/slime?separator=%20%23%23%20&separator=zz", body)[1]
    assert [step["reward"] for step in slime["steps"]] == [s["reward"] for s in got["steps"]]
    for split in ([], [""], ["x" * 65], ["x"] * 9, "lines", 3):
        reply, refused = send(server, "/v1/rewards", {"prompt": "q", "trace": "a", "split": split})
        assert reply.status == 400 and refused["error"]["param"].startswith("split")


def test_models_say_how_they_split(server):
    process, outcome = send(server, "/v1/models", b"", method="GET")[1]["data"]
    assert process["split"] == ["\n\n", "\n"] or process["split"] == ["\n\n"]
    assert process["roles"] == {"system": "none", "turns": False}
    assert set(outcome["roles"]) == {"system", "turns"}


# ---- what cannot be scored ---------------------------------------------------------------------

LOST = {
    "empty": "",
    "blank": " \n\n ",
    "ended": "<|im_end|>",
    "over-long": "One more step.\n\n" * 2000,
}


@pytest.mark.parametrize("kind", LOST)
def test_one_lost_sample_among_three(server, kind):
    good = [PROMPT + "5 * $4 = $20.", PROMPT + ANSWER]
    query = [good[0], PROMPT + LOST[kind], good[1]]
    reply, got = send(server, "/get_reward", {"query": query, "prompts": [PROMPT] * 3})
    assert reply.status == 422 and "1 of 3" in got["error"]["message"]
    assert "at 1;" in got["error"]["message"]
    alone = send(server, "/get_reward", {"query": good, "prompts": [PROMPT] * 2})[1]["rewards"]
    got = send(server, "/get_reward?unscorable=-2.5", {"query": query, "prompts": [PROMPT] * 3})[1]
    assert got["rewards"] == [alone[0], -2.5, alone[1]]
    assert got["extra_logs"]["scored"] == [1, 0, 1]


def test_over_long_may_drop_steps_by_the_address(server):
    query = PROMPT + "5 * $4 = $20.\n\n" * 400
    body = {"query": [query], "prompts": [PROMPT]}
    assert send(server, "/get_reward", body)[0].status == 422
    got = send(server, "/get_reward?overlong=drop_steps", body)[1]
    assert 0 < got["extra_logs"]["n_steps"][0] < 400


def test_all_lost_samples_are_named(server):
    query = [PROMPT, PROMPT + "x", PROMPT + " ", PROMPT + "y", PROMPT]
    got = send(server, "/get_reward", {"query": query, "prompts": [PROMPT] * 5})[1]
    assert "3 of 5 traces cannot be scored, at 0, 2, 4" in got["error"]["message"]


def test_what_cannot_be_scored_is_never_a_number(server):
    opened = chatml(("user", QUESTION))
    chat = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ""}]
    inputs = [{"name": "prompt", "data": [QUESTION]}, {"name": "response", "data": [""]}]
    for path, body in [
        ("/compat/slime", {"prompt": QUESTION, "response": ""}),
        ("/v1/score/evaluation", {"messages": [opened]}),
        ("/pooling", {"messages": chat}),
        ("/pooling", {"input": ["good", ""]}),
        ("/classify", {"text": ""}),
        ("/classify", {"messages": chat}),
        ("/v1/embeddings", {"input": ""}),
        ("/v1/embeddings", {"input": [[]]}),
        ("/v1/embeddings", {"input": [[999999999]]}),
        ("/score", {"text_1": QUESTION, "text_2": ["$20", ""]}),
        ("/predict", {"inputs": opened}),
        ("/v2/models/{id}/infer", {"inputs": inputs}),
        ("/worker_reward_inference", {"input_str": f"Question: {QUESTION} Answer: "}),
    ]:
        reply, got = send(server, path, body)
        assert 400 <= reply.status < 500, (path, got)
        validate(got, error_schema(path))
    ranked = send(server, "/rerank", {"query": QUESTION, "documents": ["", ANSWER]})[1]["results"]
    assert [one["index"] for one in ranked] == [1]


# ---- bad bodies --------------------------------------------------------------------------------

WRONG = [None, True, 0, -1, 1e300, "", "x", "\ud800", "a\0b", [], [[]], {}, {"text": 1}, [None]]


def nodes(tree, path=()):
    yield path
    parts = tree.items() if isinstance(tree, dict) else ()
    for key, value in enumerate(tree) if isinstance(tree, list) else parts:
        yield from nodes(value, (*path, key))


def replaced(tree, path, value):
    if not path:
        return value
    out = copy.deepcopy(tree)
    at = out
    for key in path[:-1]:
        at = at[key]
    if value is Ellipsis:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return out


def mutants(body, rng):
    """Every part of an example gone or of another kind, and its bytes cut and damaged."""
    for path in nodes(body):
        for value in WRONG + ([Ellipsis] if path else []):
            yield json.dumps(replaced(body, path, value)).encode()
    data = json.dumps(body).encode()
    for _ in range(40):
        at = rng.randrange(len(data))
        yield data[:at]
        yield data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        yield data[:at] + data[at // 2 :]
    yield b'{"messages":' + b"[" * 5000
    yield b"\xff\xfe{}"
    yield b""


@pytest.mark.parametrize("path", PATHS)
def test_mutated_bodies_are_refused_in_the_wires_own_form(server, path):
    rng = random.Random(path)
    schema = error_schema(path)
    seen = {}
    for example in content(path)["examples"].values():
        for body in mutants(example["value"], rng):
            reply, got = send(server, path, body)
            seen[reply.status] = seen.get(reply.status, 0) + 1
            if reply.status != 200:
                assert 400 <= reply.status < 500, (body, got)
                validate(got, schema)
    assert seen.get(400, 0) > 50, seen


@pytest.mark.parametrize("path", PATHS)
def test_refusals_before_the_body_have_the_wires_own_form(server, path):
    schema = error_schema(path)
    for method, headers, status in [
        ("POST", {"Content-Type": "text/html"}, 415),
        ("POST", {"Content-Encoding": "gzip"}, 415),
        ("DELETE", {}, 405),
        ("POST", {"Origin": "http://elsewhere.example"}, 403),
        ("POST", {"Host": "elsewhere.example"}, 421),
    ]:
        if path == "/" and status == 415:
            continue  # there a body that is no JSON comes back
        reply, got = send(server, path, {}, method, headers)
        assert reply.status == status, got
        validate(got, schema)


# ---- what clients of other servers ask first --------------------------------------------------


def ask_json(server, path, body=b"", method="GET"):
    reply, got = send(server, path, body, method)
    validate(
        got,
        DOCUMENT["paths"][path.replace("rewardd-orm-small", "{id}")][method.lower()]["responses"][
            "200"
        ]["content"]["application/json"]["schema"],
    )
    return reply.status, got


def test_fastchat_and_kserve_clients_find_us(server):
    status, got = ask_json(server, "/get_worker_address", {"model": "x"}, "POST")
    assert (status, got) == (200, {"address": f"http://127.0.0.1:{server.port}"})
    status, got = ask_json(server, "/list_models", b"", "POST")
    assert got["models"] == ["rewardd-prm-small", "rewardd-orm-small"]
    assert ask_json(server, "/v2")[1]["name"] == "rewardd"
    assert ask_json(server, "/v2/health/live") == (200, {"live": True})
    assert ask_json(server, "/v2/health/ready") == (200, {"ready": True})
    model = ask_json(server, "/v2/models/rewardd-orm-small")[1]
    assert [one["name"] for one in model["inputs"]] == ["prompt", "response"]
    assert ask_json(server, "/v2/models/rewardd-orm-small/ready") == (200, {"ready": True})
    assert send(server, "/v2/models/nosuch", b"", "GET")[0].status == 404


def test_root_scores_json_and_echoes_other_bodies(server):
    """huggingface_hub posts to the URL it was given, whatever its path."""
    whole = PROMPT + ANSWER
    assert send(server, "/", {"inputs": whole})[1] == send(server, "/predict", {"inputs": whole})[1]
    for kind in ("APPLICATION/JSON", "application/json; charset=utf-8", "text/json"):
        _, got = send(server, "/", {"inputs": whole}, headers={"Content-Type": kind})
        assert got == send(server, "/predict", {"inputs": whole})[1]
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", "/", b"as it came", {"Content-Type": "text/plain"})
    assert connection.getresponse().read() == b"as it came"


@pytest.mark.parametrize(
    "first",
    [f"{QUESTION}\n\n5 * $4 = $20.", f"{QUESTION}\n5 * $4 = $20.", f"{QUESTION} 5 * $4 = $20."],
)
def test_rlhflow_first_turn_holds_question_and_step(server, first):
    turns = [{"role": "user", "content": first}, {"role": "assistant", "content": "+"}]
    turns += [{"role": "user", "content": "She pays $20."}]
    body = {"messages": turns, "max_tokens": 1, "logprobs": True}
    got = send(server, "/v1/chat/completions", body)[1]["choices"][0]
    want = native(server)["steps"][1]["reward"]
    likely = got["logprobs"]["content"][0]["logprob"]
    assert got["message"]["content"] == ("+" if want >= 0.5 else "-")
    assert math.isclose(math.exp(likely), max(want, 1 - want), rel_tol=1e-5)
    for empty in (f"{QUESTION}\n\n", f"{QUESTION}\n\n \n", f"{QUESTION} ", f"{QUESTION}\n"):
        blank = [{"role": "user", "content": empty}]
        reply, refused = send(server, "/v1/chat/completions", {**body, "messages": blank})
        assert reply.status == 422 and refused["error"]["reason"] == "empty_trace", empty
    reply, refused = send(
        server,
        "/v1/chat/completions",
        {**body, "messages": [*turns[:2], {**turns[2], "content": " "}]},
    )
    assert reply.status == 422 and refused["error"]["param"] == "messages[2]"
    for more in ({"max_tokens": 7}, {"stream": True}, {"messages": turns[:2]}):
        reply, refused = send(server, "/v1/chat/completions", {**body, **more})
        assert reply.status == 400 and "does not generate" in refused["error"]["message"]


def test_metrics_know_the_routes(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/metrics")
    page = connection.getresponse().read().decode()
    for path in PATHS:
        assert f'rewardd_http_requests_total{{route="{path}",code="400"}}' in page, path
        assert f'rewardd_request_duration_seconds_count{{route="{path}"}}' in page, path
