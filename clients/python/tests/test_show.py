"""Ids and digests of scores, their texts, HTML and arrays."""

import dataclasses
import pickle
import subprocess
import sys

import pytest
from conftest import answer

import rewardd
from rewardd import Client, Model, Models, Score, Scores
from rewardd._types import Step, TraceError

MODEL = {
    "process": {"name": "prm", "digest": "d1", "dtype": "bf16"},
    "outcome": {"name": "orm", "digest": "d2"},
}


def named(request_id, digest="d1"):
    def reply(handler, body):
        model = {**MODEL, "process": {**MODEL["process"], "digest": digest}}
        handler.reply(200, {**answer(body), "id": request_id, "model": model, "kernel": "avx"})

    return reply


def test_ids_and_digests(server):
    server.plan = [named("r1"), named("r2"), named("r3", "d9")]
    samples = [{"prompt": "p", "text": f"t{i}"} for i in range(5)]
    with Client(server.url, max_concurrency=1) as client:
        scores = client.score_many(samples, batch_size=2)
    assert scores.request_ids == ["r1", "r2", "r3"]
    assert [s.request_id for s in scores] == ["r1", "r1", "r2", "r2", "r3"]
    assert [(s.item, s.request_item) for s in scores] == [(0, 0), (1, 1), (2, 0), (3, 1), (4, 0)]
    first, last = scores.models
    assert first == Models(Model("prm", "d1", "bf16"), Model("orm", "d2"), "avx")
    assert last.process.digest == "d9" and scores[4].models is last
    label = {"request_id": "r2", "item": 1, "trace": 0, "step": None, "sample_index": None}
    assert scores.named([label, {**label, "request_id": "gone"}]) == [scores[3]]
    assert pickle.loads(pickle.dumps(scores)) == scores


def spans(*pairs):
    return [
        Step(i, None if i else 0.25, 1.5, 3, pair, pair, "stopped" if i else None)
        for i, pair in enumerate(pairs)
    ]


@pytest.mark.parametrize(
    ("sent", "texts"),
    [
        ("ab\n\ncd", ["ab", "cd"]),
        (["ab\n", "\ncd"], ["ab", "cd"]),
        ("\ud83d\ude00b\n\ncd", ["\U0001f600b", "cd"]),  # a pair is one code point to the daemon
        ("\ud83db\n\ncd", ["�b", "cd"]),
        (None, []),
    ],
)
def test_texts(sent, texts):
    assert Score(steps=spans((0, 2), (4, 6)), sent=sent).texts == texts


def test_texts_of_a_reply(server):
    with Client(server.url) as client:
        score = client.score("p", steps=["ab", "c"])
        group = client.score_items([{"prompt": "p", "traces": [{"text": "xyz"}, ["u", "v"]]}])
        one = client.score_items([{"prompt": "p", "trace": {"steps": ["q"]}}])
    assert score.texts == ["ab"]  # the scripted server always says [0, 2]
    assert [s.texts for s in group] == [["xy"], ["uv"]] and one[0].texts == ["q"]


def test_html_is_safe_and_whole(server):
    bad = "<script>alert(1)</script>"
    score = Score(process=0.5, has_process=True, aggregate="min", steps=spans((0, 25)), sent=bad)
    shown = score._repr_html_()
    assert "<script>" not in shown and "&lt;script&gt;" in shown and "0.250" in shown
    lost = Score(item=1, error=TraceError("x", bad))
    every = Scores([score, lost] * 150)._repr_html_()
    assert "<script>" not in every and "no reward" in every and "and 100 more" in every
    assert every.count("<tr>") == 201
    long = dataclasses.replace(score, sent="x" * 10_000, steps=spans((0, 10_000)))
    assert len(long._repr_html_()) < 2000


def test_arrays():
    np = pytest.importorskip("numpy")
    lost = Score(error=TraceError("x", "m"))
    right = Score(process=0.1, outcome=0.7, has_process=True, verified=True, steps=spans((0, 1)))
    longer = Score(outcome=0.3, outcome_raw=-2.0, verified=False, steps=spans((0, 1), (1, 2)))
    scores = Scores([lost, right, longer])
    np.testing.assert_equal(scores.to_numpy(), [np.nan, 0.1, 0.3])
    np.testing.assert_equal(scores.to_numpy("outcome_raw"), [np.nan, np.nan, -2.0])
    np.testing.assert_equal(scores.to_numpy("verified"), [np.nan, 1, 0])
    np.testing.assert_equal(
        scores.to_numpy("steps"), [[np.nan, np.nan], [0.25, np.nan], [0.25, np.nan]]
    )
    np.testing.assert_equal(scores.to_numpy("steps_raw")[2], [1.5, 1.5])
    np.testing.assert_equal(longer.to_numpy(), [0.25, np.nan])
    assert scores.to_numpy().dtype == np.float64
    assert Scores().to_numpy().shape == (0,) and Scores().to_numpy("steps").shape == (0, 0)
    with pytest.raises(ValueError):
        scores.to_numpy("zero")


def test_glue_is_reached_by_name_and_costs_nothing_before():
    code = (
        "import sys, rewardd; assert 'rewardd.trl' not in sys.modules;"
        "rewardd.trl.reward_function; assert 'numpy' not in sys.modules;"
        "assert 'trl' in dir(rewardd)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=rewardd.__path__[0] + "/..")
    with pytest.raises(AttributeError):
        rewardd.nothing  # noqa: B018
