"""Verified answers over HTTP and on the command line: verdicts, reasons, options, bad bodies."""

import asyncio
import json
import os
import subprocess
import sys
import urllib.error

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.path.join(os.path.dirname(TOP), "shared", "data")
sys.path.insert(0, os.path.join(TOP, "clients", "python"))

from rewardd import AsyncClient, Client, verify  # noqa: E402

ITEMS = [
    ({"text": "So \\boxed{\\frac{1}{2}}.", "reference": "0.5"}, True, "number", "box"),
    ({"steps": ["First 7.", "The answer is 8."], "reference": 7}, False, "number", "announced"),
    ({"answer": "x^2-1", "reference": "(x-1)(x+1)"}, True, "expression", "given"),
    ({"answer": "0.67", "reference": "2/3"}, None, "rounding", "given"),
    ({"answer": "width = 5", "reference": "length = 5"}, None, "label", "given"),
    ({"text": "I have nothing to say", "reference": "5"}, None, "no_answer", "none"),
    ({"text": "\\boxed{5}"}, None, "no_reference", "none"),
    ({"text": "<think>\\boxed{5}", "reference": "5"}, None, "thinking", "none"),
    (
        {"text": "#### 72\n\nQuestion: x\n#### 5", "reference": "#### 72"},
        True,
        "same_text",
        "hashes",
    ),
]


def items():
    return [item for item, *_ in ITEMS]


def lines(rewardd_bin, rows, *options):
    """Of the command; and its exit code."""
    text = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    done = subprocess.run(
        [rewardd_bin, "verify-answers", "-", *options],
        input=text.encode(),
        capture_output=True,
        timeout=300,
    )
    return [json.loads(line) for line in done.stdout.decode().splitlines()], done.returncode


def check(results):
    for (item, verified, rule, evidence), result in zip(ITEMS, results, strict=True):
        reason = result["reason"]
        assert (result["verified"], reason["rule"], reason["evidence"]) == (
            verified,
            rule,
            evidence,
        ), item
        if reason["step"] is not None:
            steps = item.get("steps") or [item.get("text") or item["answer"]]
            begin, end = reason["bytes"]
            assert steps[reason["step"]].encode()[begin:end].decode() == reason["answer"]


def test_http_and_command_agree(daemon, rewardd_bin):
    body = daemon.post("/v1/verify", {"items": items()})
    assert body["object"] == "verify"
    check(body["results"])
    found, code = lines(rewardd_bin, items())
    assert code == 0 and [r["line"] for r in found] == list(range(1, len(ITEMS) + 1))
    check(found)


def test_one_item_is_the_body(daemon):
    body = daemon.post("/v1/verify", {"answer": "1,000", "reference": 1000})
    assert [r["verified"] for r in body["results"]] == [True]


@pytest.mark.parametrize(
    "item,options,without,with_",
    [
        ({"answer": "1.001", "reference": "1"}, {"tolerance": 0.01}, False, True),
        ({"answer": "0.67", "reference": "2/3"}, {"rounding": True}, None, True),
        ({"answer": "2, 1", "reference": "1, 2"}, {"ordered": True}, True, False),
        ({"answer": "5 km", "reference": "5"}, {"units": True}, True, None),
        (
            {"text": "\\boxed{5} but \\boxed{6}", "reference": "5"},
            {"any_box": True},
            False,
            True,
        ),
        (
            {"text": "<think>\\boxed{5}</think> Bye.", "reference": "5"},
            {"read_thinking": True},
            None,
            True,
        ),
    ],
)
def test_options(daemon, rewardd_bin, item, options, without, with_):
    def ask(body):
        return daemon.post("/v1/verify", body)["results"][0]["verified"]

    assert ask(item) is without
    assert ask({"items": [item], "options": options}) is with_
    assert ask({**item, "options": options}) is with_
    (name, value), *_ = options.items()
    flag = ["--" + name.replace("_", "-")] + ([str(value)] if value is not True else [])
    assert lines(rewardd_bin, [item], *flag)[0][0]["verified"] is with_


@pytest.mark.parametrize(
    "body,param",
    [
        ({"items": []}, "items"),
        ({"items": [{"reference": "5"}]}, None),
        ({"items": [{"text": "a", "answer": "b"}]}, None),
        ({"items": [{"text": "a", "referense": "b"}]}, "items[0].referense"),
        ({"items": [{"text": 5}]}, "items[0].text"),
        ({"items": [{"text": "a"}], "options": {"tolerance": 2}}, "options.tolerance"),
        ({"items": [{"text": "a"}], "options": {"order": True}}, "options.order"),
        ({"items": [{"text": "a"}], "model": "x"}, "model"),
        ({}, None),
    ],
)
def test_refusals(daemon, body, param):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        daemon.post("/v1/verify", body)
    error = json.load(refusal.value)["error"]
    assert refusal.value.code == 400 and error["param"] == param, error


def test_large_batches_keep_their_order(daemon):
    many = [{"text": f"so \\boxed{{{i}}}", "reference": i - i % 2} for i in range(5000)]
    body = daemon.post("/v1/verify", {"items": many})
    assert [r["verified"] for r in body["results"]] == [i % 2 == 0 for i in range(5000)]


def test_clients(daemon):
    wanted = [verified for _, verified, *_ in ITEMS]

    async def ask():
        async with AsyncClient(daemon.url) as client:
            return await client.verify(items())

    with Client(daemon.url) as client:
        found = client.verify(items())
        with pytest.raises(TypeError, match="tolerence"):
            client.verify(items(), tolerence=1)
    assert [v.verified for v in found] == wanted
    assert [v.verified for v in asyncio.run(ask())] == wanted
    assert [v.verified for v in verify(items(), url=daemon.url)] == wanted


def test_a_score_says_why(daemon):
    body = {
        "prompt": "What is 3+4?",
        "trace": {"steps": ["3 + 4 = 7", "So \\boxed{7}."]},
        "reference": "14/2",
    }
    reply = daemon.post("/v1/rewards", body)
    outcome = reply["results"][0]["outcome"]
    assert outcome["verified"] is True
    assert outcome["verified_reason"] == {
        "rule": "number",
        "message": "numbers, compared exactly",
        "evidence": "box",
        "answer": "7",
        "reference": "14/2",
        "step": 1,
        "bytes": [10, 11],
    }
    with Client(daemon.url) as client:
        score = client.score(
            body["prompt"], steps=body["trace"]["steps"], reference=body["reference"]
        )
    assert score.verified_reason.answer == "7" and score.verified_reason.step == 1


def test_options_of_a_scoring_request(daemon):
    body = {"prompt": "2/3?", "trace": {"steps": ["So \\boxed{0.667}."]}, "reference": "2/3"}

    def ask(**more):
        return daemon.post("/v1/rewards", {**body, **more})["results"][0]["outcome"]

    assert ask()["verified"] is None
    assert ask(verify=None)["verified"] is None
    assert ask(verify={"rounding": True})["verified"] is True
    assert ask(verify={"tolerance": 0.01})["verified_reason"]["rule"] == "tolerance"
    several = {"trace": {"steps": ["\\boxed{5} or \\boxed{7}."]}, "reference": "5"}
    assert ask(**several)["verified"] is not True
    assert ask(**several, verify={"any_box": True})["verified"] is True
    with pytest.raises(urllib.error.HTTPError) as refusal:
        ask(verify={"tolerence": 0.1})
    error = json.load(refusal.value)["error"]
    assert refusal.value.code == 400 and error["param"] == "verify.tolerence", error
    with Client(daemon.url) as client:
        score = client.score(
            "2/3?", steps=["So \\boxed{0.667}."], reference="2/3", verify={"rounding": True}
        )
    assert score.verified is True


def test_command_line(rewardd_bin, tmp_path):
    found, code = lines(rewardd_bin, ["{bad", "", json.dumps({"answer": "1", "reference": "1"})])
    assert code == 1 and "error" in found[0]
    assert found[1] == {**found[1], "line": 3, "verified": True}
    done = subprocess.run([rewardd_bin, "verify-answers"], capture_output=True, timeout=30)
    assert done.returncode == 2 and b"FILE" in done.stderr
    missing = str(tmp_path / "none.jsonl")
    done = subprocess.run([rewardd_bin, "verify-answers", missing], capture_output=True, timeout=30)
    assert done.returncode == 1 and b"none.jsonl" in done.stderr


# ---- data of others, where it is at hand -------------------------------------------------------


def shared(*names):
    path = os.path.join(TOP, "tests", "vectors", *names)
    path = path if os.path.exists(path) else os.path.join(SHARED, *names)
    if not os.path.exists(path):
        pytest.skip(f"no {os.path.join(*names)}")
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_hunted_pairs(rewardd_bin):
    pairs = shared("answers", "pairs.jsonl")
    found, _ = lines(rewardd_bin, [{"text": p["step"], "reference": p["reference"]} for p in pairs])
    allowed = {"!false": (True, None), "!true": (False, None), "null": (None,)}
    for pair, result in zip(pairs, found, strict=True):
        assert result["verified"] in allowed[pair["want"]], (pair, result)


def test_real_answers(rewardd_bin):
    """Qwen2.5-Math's 800 published responses; one label is its scorer's error (10{,}000)."""
    rows, right = [], []
    for problem in shared("answers", "real_math_800.jsonl"):
        for response, label in zip(problem["responses"], problem["right"], strict=True):
            rows.append({"text": response, "reference": problem["reference"]})
            slip = problem["reference"] == "10{,}000" and "\\boxed{10000}" in response
            right.append(label or slip)
    verdicts = [r["verified"] for r in lines(rewardd_bin, rows)[0]]
    assert not [i for i, v in enumerate(verdicts) if v is not None and v != right[i]]
    null = sum(v is None and r for v, r in zip(verdicts, right))
    assert null <= 0.003 * sum(right)


def test_rated_gsm8k(rewardd_bin):
    rows, right = [], []
    for problem in shared("gsm8k", "example_model_solutions.jsonl"):
        for rated in problem.values():
            if isinstance(rated, dict):
                rows.append({"text": rated["solution"], "reference": problem["ground_truth"]})
                right.append(rated["is_correct"])
    verdicts = [r["verified"] for r in lines(rewardd_bin, rows)[0]]
    assert len(verdicts) == 5276
    assert not [i for i, v in enumerate(verdicts) if v is not None and v != right[i]]
    null = sum(v is None and r for v, r in zip(verdicts, right))
    assert null <= 0.003 * sum(right)
