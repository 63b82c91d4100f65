"""`rewardd calibrate`: from clean traces to p-values, and what happens to a bank of something
else."""

import json
import os
import shutil
import subprocess
import urllib.error

import pytest
from daemon import Daemon
from flag_traces import clean, item
from test_flags import ORM, PRM, flags_of, one, rewards_of

TRACES = 500
ALPHA = 0.01


def run(*words, code=0):
    done = subprocess.run(
        [os.environ["REWARDD_BIN"], *map(str, words)], capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr + done.stdout
    return done


@pytest.fixture(scope="module")
def calibrated(rewardd_bin, tmp_path_factory):
    """Copies of the default models with a bank of their own, and what the command printed."""
    top = tmp_path_factory.mktemp("calibrated")
    prm, orm = top / "prm", top / "orm"
    for source, to in ((PRM, prm), (ORM, orm)):
        shutil.copytree(source, to, ignore=shutil.ignore_patterns("calibration.json"))
    rows = [clean(10000 + i) for i in range(TRACES)]
    rows.append({**clean(1), "reference": "-1"})  # not clean: the answer is another
    traces = top / "clean.jsonl"
    traces.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = run(
        "calibrate", "--model", prm, "--outcome", orm, "--traces", traces, "--deep", "120"
    ).stdout
    return prm, orm, traces, out


@pytest.fixture(scope="module")
def daemon(calibrated):
    with Daemon(calibrated[:2]) as d:
        yield d.wait_ready()


def test_what_it_prints(calibrated):
    out = calibrated[3]
    assert f"{TRACES} traces of {TRACES + 1}" in out
    assert "1 traces left out: the final answer is not the reference" in out
    # k = floor(0.01 * 501) = 5: Beta(5, 496), mean 5 / 501
    line = next(line for line in out.splitlines() if line.startswith("min_logit"))
    assert f"{TRACES}" in line and "1.00 % +- 0.44" in line, line
    assert any(line.startswith("question_swap") and " 120 " in line for line in out.splitlines())


def test_calibrated_flags_have_p_values(daemon):
    result = one(daemon, item(clean(3)), flags="deep", flags_all=True, domain="shop")
    flags = flags_of(result)
    for name in ("prompt_gap", "latent_outlier", "step_redundant", "shape"):
        assert flags[name]["n_cal"] >= 99 and 0 < flags[name]["p"] <= 1, flags[name]
    assert flags["shortcut"]["value"] is not None
    model = next(m for m in daemon_models(daemon) if m["kind"] == "process")
    calibration = model["calibration"]
    assert calibration["traces"] == TRACES and calibration["missing"] is None
    assert calibration["domains"] == ["shop"]


def test_an_unknown_domain_is_refused(daemon):
    body = {"items": [{**item(clean(3)), "domain": "shops"}]}
    with pytest.raises(urllib.error.HTTPError) as refused:
        daemon.post("/v1/rewards", body)
    error = json.load(refused.value)["error"]
    assert error["code"] == "invalid_request" and "shop" in error["hint"]
    assert error["param"] == "items[0].domain"
    assert one(daemon, item(clean(3)), flags="off", domain="shops")["error"] is None


def daemon_models(daemon):
    import urllib.request

    with urllib.request.urlopen(daemon.url + "/v1/models") as reply:
        return json.load(reply)["data"]


def test_false_alarms_on_fresh_clean_traces(daemon):
    """Each calibrated flag at alpha = 1 %: on 400 fresh traces of the same family at most 4 % fire
    (99.9 % bound of the binomial mixed over the bank's own spread)."""
    bodies = [item(clean(50000 + i)) for i in range(400)]
    results = daemon.post("/v1/rewards", {"items": bodies, "flags": "cheap", "flags_all": True})[
        "results"
    ]
    fired = {}
    for result in results:
        for flag in result["flags"]:
            fired[flag["name"]] = fired.get(flag["name"], 0) + flag["fired"]
    assert max(fired.values()) <= 16, fired


def test_a_planted_shortcut_fires(daemon):
    padded = clean(5)
    padded["steps"] = padded["steps"][:2] + [padded["steps"][1]] * 6 + padded["steps"][2:]
    result = one(daemon, item(padded), flags="cheap")
    assert {"step_duplicate", "step_redundant"} <= {
        f["name"] for f in result["flags"] if f["fired"]
    }


def test_rewards_are_the_same_with_and_without_a_bank(daemon, calibrated, tmp_path):
    bare = tmp_path / "prm"
    shutil.copytree(calibrated[0], bare, ignore=shutil.ignore_patterns("calibration.json"))
    body = item(clean(6))
    with Daemon([bare, calibrated[1]]) as other:
        other.wait_ready()
        assert rewards_of(one(other, body)) == rewards_of(one(daemon, body))


def test_the_same_traces_give_the_same_bank(calibrated, tmp_path):
    prm, orm, traces, _ = calibrated
    out = tmp_path / "again.json"
    run(
        "calibrate",
        "--model",
        prm,
        "--outcome",
        orm,
        "--traces",
        traces,
        "--deep",
        "120",
        "--threads",
        "1",
        "--out",
        out,
    )
    assert out.read_bytes() == (prm / "calibration.json").read_bytes()


@pytest.mark.parametrize("damage", ["other model", "not json", "truncated"])
def test_a_bank_of_something_else_is_refused(calibrated, tmp_path, damage):
    """The model is served without calibration, and says why in the log and in /v1/models."""
    prm = tmp_path / "prm"
    shutil.copytree(calibrated[0], prm)
    bank = prm / "calibration.json"
    text = bank.read_text()
    if damage == "other model":
        digest = next(m for m in json.dumps(json.loads(text)).split('"') if len(m) == 64)
        bank.write_text(text.replace(digest, "0" * 64))
    elif damage == "not json":
        bank.write_text("{]")
    else:
        bank.write_text(text[: len(text) // 2])
    with Daemon([prm, calibrated[1]]) as d:
        d.wait_ready()
        model = next(m for m in daemon_models(d) if m["kind"] == "process")
        assert model["calibration"]["traces"] == 0 and model["calibration"]["missing"]
        assert "bank_refused" in d.log
        flags = flags_of(one(d, item(clean(7)), flags="cheap", flags_all=True))
        assert flags["prompt_gap"]["p"] is None and not flags["prompt_gap"]["fired"]


def test_another_outcome_model_beside_it(calibrated):
    """early_commit was calibrated beside an outcome model: without that one it has no p-value."""
    with Daemon([calibrated[0]]) as d:
        d.wait_ready()
        flags = flags_of(one(d, item(clean(8)), flags="cheap", flags_all=True))
        assert (
            flags["prompt_gap"]["p"] is not None and flags["early_commit"]["error"] == "unavailable"
        )


@pytest.mark.parametrize(
    "words,message",
    [
        (["--traces", "x"], "--model"),
        (["--model", "x", "--trace", "y"], "did you mean"),
        (["--model", "x", "--traces", "y", "--max", "many"], "not a number"),
        (["model"], "no option"),
    ],
)
def test_unusable_options(rewardd_bin, words, message):
    assert message in run("calibrate", *words, code=2).stderr


SYSTEM = "<|im_start|>system\nBe brief.<|im_end|>\n"
USER = "<|im_start|>user\nWhat is 2+3?<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize(
    "line,message",
    [
        ("{}", "prompt"),
        ("[1]", "one JSON object"),
        ('{"prompt":"p"}', "steps"),
        ('{"prompt":"p","steps":[]}', "no step"),
        ('{"prompt":"p","steps":[1]}', "step 0"),
        ("{", "line 2"),
        (json.dumps({"prompt": f"{SYSTEM}{USER}", "steps": ["a"]}), "give the question alone"),
        (json.dumps({"prompt": "<|unknown|>user\nq<|unknown|>", "steps": ["a"]}), "chat template"),
    ],
)
def test_unusable_traces(rewardd_bin, tmp_path, line, message):
    path = tmp_path / "traces.jsonl"
    path.write_text(json.dumps(clean(1)) + "\n" + line + "\n")
    done = run(
        "calibrate", "--model", PRM, "--traces", path, "--out", tmp_path / "bank.json", code=1
    )
    assert "line 2" in done.stderr and message in done.stderr
    assert not (tmp_path / "bank.json").exists()
