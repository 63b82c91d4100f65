"""Prompts in a policy's chat template, by every template that other people ship.

A trainer hands over the text the policy saw. The daemon must turn it back into the messages, and
give the reward of those messages; or refuse it; it must never score the template's marks as part of
the question. The templates are those of test_templates.py, rendered by transformers.
"""

from __future__ import annotations

import http.client
import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("transformers")

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "e2e"))

from daemon import Daemon  # noqa: E402
from test_templates import TEMPLATES_MIN, all_templates, context, reference, turn  # noqa: E402

MODEL = TOP / "deploy" / "models" / "rewardd-prm-small"
ANSWER = "5 * $4 = $20.\n\nShe pays $20."
QUESTION = "Anna buys 5 books at $4 each.\n\nHow much is that?"
CONVERSATIONS = {
    "question": [turn("user", QUESTION)],
    "system": [turn("system", "Be brief."), turn("user", QUESTION)],
    "turns": [turn("user", "Hi there"), turn("assistant", "Hello!"), turn("user", QUESTION)],
}


def ask(daemon, body):
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=60)
    data = json.dumps({"trace": ANSWER, "flags": "off", "outcome_model": None, **body})
    connection.request("POST", "/v1/rewards", data, {"Content-Type": "application/json"})
    reply = connection.getresponse()
    got = json.loads(reply.read())
    return got["results"][0]["process"]["reward"] if reply.status == 200 else None


def test_every_public_template_is_undone(rewardd_daemon, capsys):
    templates = all_templates()
    if len(templates) < TEMPLATES_MIN:
        pytest.skip(f"{len(templates)} templates: sh deploy/deps.sh templates fetches more")
    counts = {"undone": 0, "refused": 0, "not rendered": 0, "folded by the template": 0}
    refused, wrong = set(), []
    for title, conversation in CONVERSATIONS.items():
        want = ask(rewardd_daemon, {"messages": conversation})
        for name, template in templates.items():
            kind, text = reference(template, context(conversation, True))
            if kind == "error" or QUESTION not in text:
                counts["not rendered"] += 1
                continue
            got = ask(rewardd_daemon, {"prompt": text})
            if title == "system" and got not in (None, want):
                # Gemma's and Mistral's put it into the question, where nothing tells it apart.
                joined = [f"Be brief.{between}{QUESTION}" for between in ("\n\n", " ")]
                counts["folded by the template"] += 1
                want_here = [ask(rewardd_daemon, {"prompt": prompt}) for prompt in joined]
                got = want if got in want_here else got
            if got is None:
                counts["refused"] += 1
                refused.add(name)
            elif got == want:
                counts["undone"] += 1
            else:
                wrong.append((name, title, text[:200]))
    with capsys.disabled():
        print(f"\n{len(templates)} templates: {counts}, {len(wrong)} scored as another question")
        for name in sorted(refused):
            print("  refused", name)
        for one in wrong:
            print("  WRONG", *one, sep=" | ")
    assert not wrong
    assert counts["undone"] > 10 * counts["refused"]


@pytest.fixture(scope="module")
def rewardd_daemon():
    import os

    binary = os.environ.get("REWARDD_BIN", "")
    if not os.access(binary, os.X_OK):
        pytest.skip("no built daemon: set REWARDD_BIN")
    with Daemon([MODEL]) as daemon:
        yield daemon.wait_ready()
