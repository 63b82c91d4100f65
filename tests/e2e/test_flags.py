"""Shortcut flags end to end: fields, gates, verified answers, probes, exactness, hostile text."""

import http.client
import json
import os
import shutil
import time

import pytest
from conftest import TOP
from daemon import Daemon
from fake_daemon import TRACE, start  # noqa: F401 (fixture)
from flag_traces import clean, item

MODELS = os.path.join(TOP, "deploy", "models")
PRM, ORM = (os.path.join(MODELS, f"rewardd-{kind}-small") for kind in ("prm", "orm"))
FREE = ["step_redundant", "step_duplicate", "repetition", "shape"]
CHEAP = ["prompt_gap", "early_commit"]
DEEP = ["question_swap", "corruption_blind", "step_ablation"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The default models without their banks: what is tested here must not depend on figures."""
    top = tmp_path_factory.mktemp("models")
    for source in (PRM, ORM):
        shutil.copytree(
            source,
            top / os.path.basename(source),
            ignore=shutil.ignore_patterns("calibration.json"),
        )
    return [top / "rewardd-prm-small", top / "rewardd-orm-small"]


@pytest.fixture(scope="module")
def daemon(rewardd_bin, models):
    with Daemon(models) as d:
        yield d.wait_ready()


def score(daemon, body, **options):
    return daemon.post("/v1/rewards", {**body, **options})


def one(daemon, body, **options):
    return score(daemon, body, **options)["results"][0]


def flags_of(result):
    return {flag["name"]: flag for flag in result["flags"]}


def rewards_of(result):
    return (
        [(s["reward"], s["raw"]) for s in result["steps"]],
        result["process"]["reward"],
        result["outcome"]["reward"],
        result["outcome"]["raw"],
    )


def refused(daemon, body):
    c = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
    c.request("POST", "/v1/rewards", json.dumps(body), {"Content-Type": "application/json"})
    reply = c.getresponse()
    return reply.status, json.load(reply)["error"]


# ---- tiers -------------------------------------------------------------------


def test_flags_never_change_a_reward(daemon):
    body = item(clean(1))
    plain = one(daemon, body, flags="off")
    assert plain["flags"] == []
    for tier in ("free", "cheap", "deep"):
        result = one(daemon, body, flags=tier, flags_all=True, reference=1, gate="min_process")
        assert rewards_of(result) == rewards_of(plain)


def test_what_a_tier_reports(daemon):
    body = item(clean(2))
    free = flags_of(one(daemon, body, flags_all=True))
    cheap = flags_of(one(daemon, body, flags="cheap", flags_all=True))
    deep = flags_of(one(daemon, body, flags="deep", flags_all=True))
    assert not set(free) & set(CHEAP + DEEP) and not set(cheap) & set(DEEP)
    for name in FREE:
        assert isinstance(free[name]["value"], (int, float)), free[name]
    for name in CHEAP + DEEP:
        assert isinstance(deep[name]["value"], (int, float)), deep[name]
        # no bank: a value, no p, never fired
        assert deep[name]["p"] is None and deep[name]["fired"] is False
    assert deep["info_gain"]["value"] is None and deep["info_gain"]["error"] == "unavailable"
    for name in FREE:
        assert free[name] == deep[name]
    for name in CHEAP:
        assert cheap[name] == deep[name]


def test_sparse_unless_asked(daemon):
    body = item(clean(3))
    assert one(daemon, body)["flags"] == []
    # what was asked for and cannot be had is said even in a sparse reply
    flags = one(daemon, body, flags="deep")["flags"]
    assert [f["name"] for f in flags if f["value"] is None] == ["info_gain"]
    assert not any(f["fired"] for f in flags)


def test_absolute_rules_fire_without_a_bank(daemon):
    trace = clean(4)
    trace["steps"] += ["Let me go on with the sum of it all, step by step."] * 4
    fired = [f["name"] for f in one(daemon, item(trace))["flags"] if f["fired"]]
    assert "step_duplicate" in fired
    special = {"prompt": "p", "trace": ["<|step|> 1 + 1 = 2"]}
    assert flags_of(one(daemon, special))["special_token_text"]["fired"] is True


def test_spans_are_inside_their_step(daemon):
    steps = [
        "Été à Zürich: 日本語 3 * 4 = 12.",
        "x" * 40 + " 12",
        "x" * 40 + " 12",
        "The answer is 12.",
    ]
    result = one(daemon, {"prompt": "p", "trace": steps}, flags_all=True)
    text = "".join(steps)
    for flag in result["flags"]:
        if flag["span"] is not None:
            begin, end = result["steps"][flag["step"]]["chars"]
            assert begin <= flag["span"][0] <= flag["span"][1] <= end <= len(text)


def test_cost_is_in_the_usage(daemon):
    body = item(clean(5))
    off, cheap, deep = (score(daemon, body, flags=t)["usage"] for t in ("off", "cheap", "deep"))
    assert off["probe_tokens"] == 0 < cheap["probe_tokens"] < deep["probe_tokens"]
    for usage in (cheap, deep):  # the prefix cache moves tokens from one column to the other
        assert (
            usage["scored_tokens"] + usage["cached_tokens"]
            > off["scored_tokens"] + off["cached_tokens"]
        )
        assert usage["probe_tokens"] <= usage["scored_tokens"]


def test_prompt_gap_in_full(daemon):
    """All steps without the question are more tokens than two; under both forms the flag has a
    value."""
    usages = []
    for form in ("start", "full"):
        reply = score(
            daemon,
            item(clean(6)),
            flags="cheap",
            prompt_gap=form,
            flags_all=True,
            outcome_model=None,
        )
        assert flags_of(reply["results"][0])["prompt_gap"]["value"] is not None
        usages.append(reply["usage"]["scored_tokens"] + reply["usage"]["cached_tokens"])
    assert usages[0] < usages[1]


def test_without_an_outcome_model(daemon):
    flags = flags_of(one(daemon, item(clean(7)), flags="cheap", outcome_model=None, flags_all=True))
    assert (
        flags["early_commit"]["value"] is None and flags["early_commit"]["error"] == "unavailable"
    )
    assert isinstance(flags["prompt_gap"]["value"], (int, float))


def test_without_a_process_model(daemon):
    result = one(daemon, item(clean(8)), flags="deep", model=None, flags_all=True)
    flags = flags_of(result)
    for name in ["prompt_gap"] + DEEP:
        assert flags[name]["value"] is None and flags[name]["error"] == "unavailable"
    assert (
        flags["early_commit"].get("error") != "unavailable"
    )  # that one needs the outcome model only


def test_early_commit_is_what_prefixes_are_worth(daemon):
    """A = mean of min(1, V_t / V_T) over the first 1/4, 1/2, 3/4 of the steps and all of them, from
    the outcome rewards of these prefixes as traces of their own; the step is the end of the first
    prefix worth as much as the whole."""
    for n in (2, 3, 4, 5, 7, 10, 23):
        steps = [f"After day {i} there are {3 * i} + 4 = {3 * i + 4} apples." for i in range(n)]
        boundaries = sorted({max(1, (i * n + 3) // 4) for i in (1, 2, 3)} - {n}) + [n]
        worth = [
            one(daemon, {"prompt": "How many?", "trace": {"steps": steps[:b]}})["outcome"]["reward"]
            for b in boundaries
        ]
        flag = flags_of(
            one(
                daemon,
                {"prompt": "How many?", "trace": {"steps": steps}},
                flags="cheap",
                flags_all=True,
            )
        )["early_commit"]
        shares = [w / worth[-1] for w in worth]
        assert flag["value"] == pytest.approx(
            sum(min(1, s) for s in shares) / len(shares), rel=1e-5
        ), n
        assert flag["step"] == next(b - 1 for b, s in zip(boundaries, shares) if s >= 1)


def test_a_gap_to_no_outcome_is_undecided(daemon):
    """No outcome model and no reference: nobody knows whether the answer is accepted, and a gate
    stays shut."""
    body = {
        "prompt": "3 * 4?",
        "trace": ["3 * 4 = 12", "The answer is 12."],
        "outcome_model": None,
        "gate": ["process_outcome_gap"],
    }
    result = one(daemon, body, flags_all=True)
    flag = flags_of(result)["process_outcome_gap"]
    assert (
        flag["value"] is None
        and flag["error"] == "unavailable"
        and "outcome model" in flag["message"]
    )
    assert result["gated"]["reward"] is None and result["gated"]["error"]["code"] == "unavailable"
    wrong = one(daemon, body, reference=13)  # not accepted: there is no gap
    assert wrong["gated"]["error"] is None and wrong["gated"]["reward"] == wrong["gated"]["ungated"]


def test_a_stopped_trace_is_not_compared_with_whole_ones(daemon):
    steps = [
        "**Anna** starts with 12 apples.",
        "She buys 30 more: 12 + 30 = 49.",
        "She eats 7: 49 - 7 = 42.",
        "The answer is 42.",
    ]
    body = {
        "prompt": "Anna has 12 apples, buys 30 and eats 7. How many are left?",
        "trace": {"steps": steps},
    }
    whole = flags_of(one(daemon, body, flags="deep", flags_all=True))
    result = one(daemon, body, flags="deep", flags_all=True, stop_below=0.9999)
    assert sum(s["reward"] is not None for s in result["steps"]) < len(steps)
    stopped = flags_of(result)
    for name in DEEP + ["format_invariance"]:
        assert whole[name]["value"] is not None
        assert stopped[name]["value"] is None and stopped[name]["error"] == "stopped_below", (
            stopped[name]
        )


def test_a_lost_part_is_named(daemon):
    """The outcome model ran out of context: that is why, not that none is loaded."""
    body = {"prompt": "p", "trace": {"steps": ["12 + 30 = 43"] * 400}}
    result = one(daemon, body, flags="cheap", flags_all=True, overlong="drop_steps")
    assert result["outcome"]["error"]["code"] == "context_exceeded"
    assert flags_of(result)["early_commit"]["error"] == "context_exceeded"


def test_a_sentence_claims_only_what_fired(daemon):
    for name, flag in flags_of(one(daemon, item(clean(10)), flags="deep", flags_all=True)).items():
        if flag["value"] is not None and name not in ("first_error", "ensemble_spread"):
            assert ("not fired: " in flag["message"]) == (not flag["fired"]), flag["message"]


# ---- exactness ----------------------------------------------------------------


def test_flags_are_bit_exact_whatever_the_batch(rewardd_bin, models, daemon):
    bodies = [item(clean(100 + i)) for i in range(24)]
    bodies[5] = {
        "prompt": "p",
        "trace": {"text": "one\n\ntwo 2\n\nthree 3 + 4 = 7\n\nThe answer is 7."},
    }
    options = {"flags": "deep", "flags_all": True}
    alone = [one(daemon, b, **options)["flags"] for b in bodies]
    together = [r["flags"] for r in score(daemon, {"items": bodies}, **options)["results"]]
    assert together == alone
    with Daemon(models, "--threads", "1", "--chunk-tokens", "64") as other:
        other.wait_ready()
        again = [r["flags"] for r in score(other, {"items": bodies[::-1]}, **options)["results"]]
    assert again[::-1] == alone


# ---- verified answers -----------------------------------------------------------


@pytest.mark.parametrize(
    "reference,verified",
    [
        (26, True),
        ("26", True),
        ("$26", True),
        (27, False),
        ("26.0", True),
        ("52/2", True),
        (None, None),
    ],
)
def test_verified(daemon, reference, verified):
    body = {"prompt": "p", "trace": {"steps": ["20 + 6 = 26", "The answer is 26."]}}
    assert one(daemon, body, reference=reference)["outcome"]["verified"] is verified
    # the same with flags off, and of a trace of its own
    assert one(daemon, body, reference=reference, flags="off")["outcome"]["verified"] is verified
    body["trace"]["reference"] = reference
    assert one(daemon, body, reference="9")["outcome"]["verified"] is (
        verified if reference is not None else False
    )


def test_verified_without_an_outcome_model(daemon):
    body = {"prompt": "p", "trace": ["20 + 6 = 26", "The answer is 26."], "reference": 26}
    outcome = one(daemon, body, outcome_model=None)["outcome"]
    assert outcome["reward"] is None and outcome["verified"] is True
    assert outcome["error"]["code"] == "model_not_found"
    del body["reference"]
    assert one(daemon, body, outcome_model=None)["outcome"] is None


# ---- gates ------------------------------------------------------------------------


def test_min_process_gate(daemon):
    result = one(daemon, item(clean(9)), gate="min_process")
    smallest = min(s["reward"] for s in result["steps"])
    gated = result["gated"]
    assert gated["of"] == "outcome" and gated["ungated"] == result["outcome"]["reward"]
    assert gated["reward"] == min(smallest, gated["ungated"]) and gated["error"] is None
    assert gated["by"] == (["min_process"] if smallest < gated["ungated"] else [])
    assert "gated" not in one(daemon, item(clean(9)))
    process = one(daemon, item(clean(9)), gate="min_process", outcome_model=None, aggregate="mean")
    assert process["gated"]["of"] == "process" and process["gated"]["reward"] == smallest


def test_flag_gate(daemon):
    body = {"prompt": "p", "trace": ["<|step|> 1 + 1 = 2"]}
    gated = one(daemon, body, gate=["special_token_text", "hidden_text"])["gated"]
    assert gated["reward"] == 0 and gated["ungated"] > 0 and gated["by"] == ["special_token_text"]
    clean_one = one(daemon, item(clean(10)), gate=["special_token_text"])
    assert clean_one["gated"]["reward"] == clean_one["outcome"]["reward"]


def test_a_gate_that_cannot_be_decided_is_null(daemon):
    gated = one(daemon, item(clean(11)), gate="prompt_gap", flags="cheap")["gated"]
    assert gated["reward"] is None and gated["error"]["code"] == "not_calibrated"
    assert gated["ungated"] is not None


@pytest.mark.parametrize(
    "extra,param,words",
    [
        ({"gate": "min_proces"}, "gate[0]", "min_process"),
        ({"gate": ["min_process", "answr_first"]}, "gate[1]", "answer_first"),
        ({"gate": "prompt_gap"}, "gate[0]", "cheap"),
        ({"gate": "answer_first", "flags": "off"}, "gate[0]", "free"),
        ({"gate": "first_error"}, "gate[0]", "never fires"),
        ({"flags": "cheep"}, "flags", "cheap"),
        ({"gate": "min_process", "model": None}, "gate[0]", "process model"),
    ],
)
def test_refused(daemon, extra, param, words):
    status, error = refused(daemon, {**item(clean(1)), **extra})
    assert status == 400 and error["param"] == param
    assert words in error["message"] + (error["hint"] or "")


# ---- streams and dialects -----------------------------------------------------------


def test_streams_carry_the_flags(daemon):
    body = {
        **item(clean(12)),
        "flags": "cheap",
        "flags_all": True,
        "reference": "x",
        "gate": "min_process",
    }
    whole = one(daemon, body)
    c = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
    for accept, begin in (("application/x-ndjson", b"{"), ("text/event-stream", b"data: {")):
        c.request(
            "POST",
            "/v1/rewards",
            json.dumps(body),
            {"Content-Type": "application/json", "Accept": accept},
        )
        lines = [line for line in c.getresponse().read().split(b"\n") if line.startswith(begin)]
        events = [json.loads(line[len(begin) - 1 :]) for line in lines]
        trace = next(e for e in events if "flags" in e)
        assert trace["flags"] == whole["flags"] and trace["gated"] == whole["gated"]
        assert trace["outcome"] == whole["outcome"]


def test_the_table_reads_well(daemon):
    trace = clean(13)
    trace["steps"] += ["So the sum of it all is what it is, as said."] * 3
    c = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
    c.request(
        "POST",
        "/v1/rewards",
        json.dumps({**item(trace), "reference": 1}),
        {"Content-Type": "application/json", "Accept": "text/plain"},
    )
    text = c.getresponse().read().decode()
    assert any(line.startswith("⚑ step_duplicate  step ") for line in text.splitlines()), text
    assert "answer " in next(line for line in text.splitlines() if line.startswith("outcome"))


def test_get_reward_has_numbers_of_flags_only(daemon):
    query = ["<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n<|step|> 1 + 1 = 2<|im_end|>"]
    reply = daemon.post("/get_reward", {"query": query, "labels": ["2"]})
    assert set(reply) == {"rewards", "scores", "extra_logs"}
    logs = reply["extra_logs"]
    assert [name for name in logs if "flag" in name] == ["flags_fired"]
    assert all(isinstance(v, (int, float)) for values in logs.values() for v in values)


# ---- hostile and odd text --------------------------------------------------------------

ODD = {
    "one step": ["The answer is 3."],
    "one character steps": ["a", "1", "+", "é", "字"] * 8,
    "no digits": ["We add the two.", "Then we are done.", "The answer is seven."],
    "right to left": ["مجموع الأعداد هو عشرة", "‮live‬ 12 + 3 = 15", "תשובה: 15"],
    "blank": ["   1", " \t 2", "3\n"],
    "braces": ["\\boxed{\\boxed{\\boxed{{{{", "}}}}} \\frac{1}{", "\\boxed{}"],
    "nul": ["a\x00b 12", "c\x00 13"],
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("tier", ["free", "deep"])
def test_odd_traces(daemon, name, tier):
    result = one(
        daemon,
        {"prompt": "How many? " * 2, "trace": ODD[name]},
        flags=tier,
        flags_all=True,
        reference="15",
    )
    assert result["error"] is None and len(result["steps"]) == len(ODD[name])
    for flag in result["flags"]:
        assert (flag["value"] is None) == ("error" in flag)
        assert flag["message"] and (flag["p"] is None or 0 < flag["p"] <= 1)


def test_a_trace_that_failed_has_no_flags(daemon):
    result = one(daemon, {"prompt": "p", "trace": ["a", ""]}, flags_all=True, gate="min_process")
    assert result["error"]["code"] == "empty_trace" and result["flags"] == []
    assert result["gated"]["reward"] is None and result["gated"]["error"]["code"] == "empty_trace"


# ---- large text, deadlines, cancelling: with the engine of no arithmetic ----------------


def test_large_text_does_not_hold_the_loop(start):
    """10,000 steps, and steps of 100 kB: answered whole, and other requests are served
    meanwhile."""
    daemon = start("--tokens-max", "4000000", models=("process:ctx4000000", "outcome:ctx4000000"))
    many = {"prompt": "p", "trace": [f"step {i} of many, {i} + 1 = {i + 1}" for i in range(10000)]}
    large = {"prompt": "p", "trace": [f"x{i} " * 25000 for i in range(8)]}
    for body in (many, large):
        c = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=120)
        c.request(
            "POST",
            "/v1/rewards",
            json.dumps({**body, "flags_all": True}),
            {"Content-Type": "application/json"},
        )
        reply = json.load(c.getresponse())["results"][0]
        assert reply["error"] is None and len(reply["steps"]) == len(body["trace"])
        assert {"step_redundant", "repetition"} <= set(flags_of(reply))


def test_a_probe_that_misses_the_deadline_says_so(start):
    # a trace of 2 steps takes 2 x 60 ms on each model; the probes would take seconds
    daemon = start(models=("process:step60000", "outcome:step60000"))
    body = {"prompt": "2 + 3?", "trace": [f"{i} + 1 = {i + 1}" for i in range(2)]}
    c = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
    c.request(
        "POST",
        "/v1/rewards",
        json.dumps({**body, "flags": "deep", "deadline_ms": 450}),
        {"Content-Type": "application/json"},
    )
    result = json.load(c.getresponse())["results"][0]
    assert result["process"]["reward"] is not None and result["outcome"]["reward"] is not None
    late = [f for f in result["flags"] if f.get("error") == "deadline_exceeded"]
    assert late and all(f["value"] is None and not f["fired"] for f in late)


def test_probes_end_with_their_client(start):
    daemon = start(models=("process:step100000", "outcome:step1000"))
    body = json.dumps({**TRACE, "flags": "deep", "stream": True}).encode()
    with daemon.connect() as s:
        s.sendall(
            b"POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        while b'"event":"step"' not in (piece := s.recv(65536)):
            assert piece, "the server hung up before the first step"
        time.sleep(0.3)
    end = time.monotonic() + 10
    while daemon.metrics()["rewardd_requests_in_flight"] > 0 and time.monotonic() < end:
        time.sleep(0.05)
    metrics = daemon.metrics()
    assert metrics["rewardd_requests_in_flight"] == 0
    assert metrics["rewardd_jobs_cancelled_total"] >= 1


def test_admission_counts_the_probes(start):
    daemon = start("--queue-tokens", "60", models=("process:step20000",))
    busy = json.dumps({**TRACE, "stream": True}).encode()
    with daemon.connect() as s:
        s.sendall(
            b"POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(busy), busy)
        )
        s.recv(1)  # admitted: it holds some of the 60 tokens
        c = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
        c.request(
            "POST",
            "/v1/rewards",
            json.dumps({**TRACE, "flags": "deep"}),
            {"Content-Type": "application/json"},
        )
        assert c.getresponse().status == 429
        c = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
        c.request("POST", "/v1/rewards", json.dumps(TRACE), {"Content-Type": "application/json"})
        assert c.getresponse().status == 200
