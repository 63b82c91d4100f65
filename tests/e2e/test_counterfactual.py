"""`rewardd counterfactual`: prompts that tell whether a policy reads them."""

import json
import os
import subprocess

import pytest

BIN = os.environ.get("REWARDD_BIN")
pytestmark = pytest.mark.skipif(not BIN or not os.path.exists(BIN), reason="set REWARDD_BIN")

QUESTIONS = [
    {"prompt": "Anna buys 5 books at $4 each. How much does she spend?", "reference": "20"},
    {"prompt": "Evaluate $2^{10}$.", "reference": 1024},
    {"prompt": "Is the sky blue?", "reference": "yes"},
    {"prompt": "Zoë has \u4e09 cats.\nHow many legs?"},
]


def run(path, *options):
    return subprocess.run(
        [BIN, "counterfactual", str(path), *options], capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "questions.jsonl"
    path.write_text("\n\n".join(json.dumps(q) for q in QUESTIONS) + "\n")
    result = run(path)
    assert result.returncode == 0, result.stderr
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    return {(r["line"], r["kind"]): r for r in rows}, result, path


def test_each_kind(made):
    rows, result, path = made
    books = {kind: row for (line, kind), row in rows.items() if line == 1}
    assert set(books) == {"wrong_hint", "paraphrase", "changed_number", "question_removed"}
    hint = books["wrong_hint"]["prompt"]
    assert hint.startswith(QUESTIONS[0]["prompt"]) and "Hint: the answer is" in hint
    assert "the answer is 20." not in hint and books["wrong_hint"]["reference"] == "20"
    other = books["paraphrase"]["prompt"]
    assert "purchases 5 books at $4 each" in other and books["paraphrase"]["reference"] == "20"
    changed = books["changed_number"]
    assert changed["prompt"] != QUESTIONS[0]["prompt"] and changed["reference"] is None
    assert changed["stale"] == "20"
    assert "books" not in books["question_removed"]["prompt"]
    assert books["question_removed"]["reference"] is None
    assert run(path).stdout == result.stdout  # deterministic
    assert run(path, "--seed", "9").stdout != result.stdout


def test_what_cannot_be_made_is_not_made(made):
    rows, result, _ = made
    assert (5, "wrong_hint") not in rows and (7, "wrong_hint") not in rows
    assert (5, "changed_number") not in rows
    assert "\u4e09 cats" in rows[7, "paraphrase"]["prompt"]
    assert rows[7, "paraphrase"]["reference"] is None
    assert "wrong_hint 2" in result.stderr


def test_a_bad_line_is_named(tmp_path):
    path = tmp_path / "bad.jsonl"
    for text in ("{", "[1]", '{"prompt": ""}', '{"prompt": 3}'):
        path.write_text(json.dumps(QUESTIONS[0]) + "\n" + text + "\n")
        result = run(path)
        assert result.returncode == 1 and "line 2" in result.stderr
    assert run(tmp_path / "none.jsonl").returncode == 1


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("counterfactual", {"prompt": "What is 2 + 3?", "reference": "5"}),
        ("verify-answers", {"text": "The answer is 5", "reference": "5"}),
    ],
)
def test_a_full_disk_is_no_success(tmp_path, command, line):
    path = tmp_path / "lines.jsonl"
    path.write_text(json.dumps(line) + "\n")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [BIN, command, str(path)], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.returncode == 1 and "No space left" in done.stderr
