"""Random templates of a grammar (template_grammar.py), in our interpreter and in Jinja as
transformers configures it: the same text, or refused by us, or refused by both. What Jinja refuses
must not be rendered.

REWARDD_LONG=1 tries 100,000 templates, else 2,000; a failing seed is named and made shorter.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("transformers")
pytest.importorskip("jinja2")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from template_grammar import Grammar
from test_template_language import CONTEXT
from transformers.utils.chat_template_utils import _compile_jinja_template

BUILD = os.environ.get("REWARDD_BUILD", "")
DRIVER = os.environ.get("RW_TEMPLATE", os.path.join(BUILD, "tests", "rw-template") if BUILD else "")
pytestmark = pytest.mark.skipif(
    not os.access(DRIVER, os.X_OK), reason="RW_TEMPLATE does not name the rw-template program"
)
COUNT = 100_000 if os.environ.get("REWARDD_LONG") == "1" else 2_000
FIRST = int(os.environ.get("FIRST", "0"))
BATCH = 500
EQUAL_MIN = 0.3  # of all: the rest fails in Jinja or is refused


def reference(template):
    values = copy.deepcopy(CONTEXT)  # `list | indent` changes the list before it fails
    try:
        return _compile_jinja_template(template).render(**values), None
    except Exception as error:  # whatever Jinja or Python raises
        return None, error


def ours(templates):
    lines = "".join(
        json.dumps({"template": t, "context": CONTEXT, "variables": CONTEXT, "now": 0}) + "\n"
        for t in templates
    )
    done = subprocess.run([DRIVER], input=lines.encode(), capture_output=True, timeout=600)
    got = [json.loads(x) for x in done.stdout.decode().split("\n") if x]
    assert len(got) == len(templates), (len(got), done.stderr.decode()[-500:])
    return got


def judge(template, out):
    """'equal', 'both', 'refused', or what is wrong."""
    want, error = reference(template)
    if "text" not in out:
        return "both" if error is not None else "refused"
    if error is not None:
        return f"rendered {out['text']!r}; Jinja: {type(error).__name__} {error}"
    return "equal" if out["text"] == want else f"ours {out['text']!r}\n   want {want!r}"


def test_random_templates(capsys):
    counts, faults, refused = {}, [], {}
    for first in range(FIRST, FIRST + COUNT, BATCH):
        templates = [Grammar(seed).template() for seed in range(first, first + BATCH)]
        for i, (template, out) in enumerate(zip(templates, ours(templates), strict=True)):
            verdict = judge(template, out)
            kind = verdict if verdict in ("equal", "both", "refused") else "wrong"
            counts[kind] = counts.get(kind, 0) + 1
            if kind == "refused":
                why = out["message"].split(": ", 1)[-1]
                refused[why] = refused.get(why, 0) + 1
            elif kind == "wrong":
                faults.append(f"seed {first + i}: {template!r}\n   {verdict}")
    with capsys.disabled():
        print(f"\n{COUNT} random templates: {counts}")
        for why, n in sorted(refused.items(), key=lambda x: -x[1])[:12]:
            print(f"  refused {n} times though Jinja renders: {why}")
        print("\n".join(faults[:10]))
    assert not faults
    assert counts["equal"] > EQUAL_MIN * COUNT
