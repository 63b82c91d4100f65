"""`checked: true`: the process reward with a 0 from the first false equation on, under its own name
and without a change of anything else."""

import os

import pytest
from conftest import TOP
from daemon import Daemon

MODELS = os.path.join(TOP, "deploy", "models")
FALSE = ["The books cost 5 * $4 = $20.", "The pens cost 3 * $2 = $9.", "That is $29."]
RIGHT = ["The books cost 5 * $4 = $20.", "The pens cost 3 * $2 = $6.", "That is $26."]
QUESTION = "Anna buys 5 books at $4 each and 3 pens at $2 each. How much does she spend?"


@pytest.fixture(scope="module")
def daemon(rewardd_bin):
    with Daemon([os.path.join(MODELS, f"rewardd-{kind}-small") for kind in ("prm", "orm")]) as d:
        yield d.wait_ready()


def one(daemon, steps, prompt=QUESTION, **options):
    body = {"prompt": prompt, "trace": steps, **options}
    return daemon.post("/v1/rewards", body)["results"][0]


def without(result):
    rest = {k: v for k, v in result["process"].items() if k != "checked"}
    return {**result, "process": rest}


@pytest.mark.parametrize("flags", ["off", "free"])
def test_zero_from_the_first_false_equation_on(daemon, flags):
    plain = one(daemon, FALSE, flags=flags)
    assert "checked" not in plain["process"]
    asked = one(daemon, FALSE, flags=flags, checked=True)
    assert without(asked) == plain
    checked = asked["process"]["checked"]
    assert checked["reward"] == 0 and checked["step"] == 1 and checked["error"] is None
    begin, end = checked["span"]
    assert "".join(FALSE)[begin:end] == "3 * $2 = $9"


@pytest.mark.parametrize("aggregate", ["min", "product", "mean", "last"])
def test_it_is_the_aggregate_of_the_same_steps(daemon, aggregate):
    asked = one(daemon, FALSE, checked=True, aggregate=aggregate)
    first = asked["steps"][0]["reward"]
    want = first / 3 if aggregate == "mean" else 0
    assert asked["process"]["checked"]["reward"] == pytest.approx(want, abs=1e-6)
    right = one(daemon, RIGHT, checked=True, aggregate=aggregate)["process"]
    assert right["checked"]["reward"] == right["reward"]
    assert right["checked"]["step"] is None and right["checked"]["span"] is None


def test_where_it_cannot_be_it_is_null_with_a_reason(daemon):
    modulo = one(daemon, ["9 + 5 = 2"], "What is 9 + 5 mod 12?", checked=True)["process"]
    assert modulo["reward"] is not None and modulo["checked"]["reward"] is None
    assert modulo["checked"]["error"]["code"] == "not_applicable"
    none = one(daemon, RIGHT, checked=True, model=None)
    assert none["process"] is None


@pytest.mark.parametrize("aggregate", ["min", "product", "mean", "last"])
def test_a_false_equation_behind_the_stop_counts(daemon, aggregate):
    """Its 0 needs no model: a reply never names a false equation beside a reward without it."""
    options = {"checked": True, "stop_below": 1, "aggregate": aggregate}
    asked = one(daemon, FALSE, **options)["process"]
    assert asked["stopped"] and asked["checked"]["step"] == 1
    want = asked["reward"] / 2 if aggregate == "mean" else 0
    assert asked["checked"]["reward"] == pytest.approx(want, abs=1e-6)
    right = one(daemon, RIGHT, **options)["process"]
    assert right["stopped"] and right["checked"]["reward"] == right["reward"]
