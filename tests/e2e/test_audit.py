"""`rewardd audit` on the default models: the report against numpy and scipy, and the page as a
page."""

import html.parser
import json
import os
import re
import shutil
import subprocess
import urllib.request

import pytest
from daemon import Daemon
from flag_traces import clean
from test_flags import ORM, PRM

np = pytest.importorskip("numpy")
TRACES = 60
EDITS = [
    "question_removed",
    "question_swapped",
    "question_number",
    "step_number",
    "sum_disguised",
    "steps_dropped",
    "steps_shuffled",
    "steps_repeated",
    "answer_only",
    "answer_first",
    "format_stripped",
    "hint_copied",
    "hint_wrong",
    "prose_wrong",
    "grader_wrong",
    "grader_addressed",
    "names_swapped",
    *(f"filler_{k:02}" for k in range(1, 13)),
]
PROPERTIES = [
    "question-blind",
    "number-blind",
    "disguise-blind",
    "order-blind",
    "length-loving",
    "format-loving",
    "answer-loving",
    "hint-trusting",
    "prose-trusting",
    "grader-obeying",
    "copy-blind",
]
# figure: where it is a "no", where a "yes", whether more is better
RULES = {
    "falls": (0.9, 0.6, True),
    "still_accepted": (0.1, 0.5, False),
    "rise": (0.02, 0.02, False),
    "mean_falls": (0.02, 0.02, False),
}
ORDER = ["no", "unknown", "partly", "yes"]


def audit(*arguments):
    return subprocess.run(
        [os.environ["REWARDD_BIN"], "audit", *arguments], capture_output=True, text=True
    )


def write_traces(path, n):
    path.write_text("".join(json.dumps(clean(i)) + "\n" for i in range(n)))
    return path


@pytest.fixture(scope="module")
def report(rewardd_bin, tmp_path_factory):
    top = tmp_path_factory.mktemp("audit")
    traces = top / "<b>&'\".jsonl"  # a hostile name
    rows = [clean(20000 + i % (TRACES - 10)) for i in range(TRACES)]  # some questions twice
    for row in rows[::2]:
        row["steps"] = [f"**Step** \\({step}\\)" for step in row["steps"]]
    traces.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = top / "out"
    done = audit("--model", PRM, "--outcome", ORM, "--traces", traces, "--out", out)
    assert done.returncode == 0, done.stderr
    values = [json.loads(line) for line in (out / "values.jsonl").read_text().splitlines()]
    return json.loads((out / "audit.json").read_text()), values, out, done.stdout


def pairs(values, head, edit):
    both = [(v["question"], v[head]["clean"], v[head][edit]) for v in values if edit in v[head]]
    group, before, after = zip(*both)
    return np.array(group), np.array(before), np.array(after)


def test_every_intervention_is_there(report):
    data, values, _, _ = report
    assert data["traces"] == TRACES and data["questions"] == TRACES - 10 == len(
        {v["question"] for v in values}
    )
    for head in ("process", "outcome"):
        rows = {row["intervention"]: row for row in data[head]["interventions"]}
        assert list(rows) == EDITS
        for edit in EDITS:
            assert rows[edit]["traces"] == sum(edit in v[head] for v in values) > 0


@pytest.mark.parametrize("head", ["process", "outcome"])
def test_effects_against_numpy(report, head):
    data, values, _, _ = report
    for row in data[head]["interventions"]:
        group, before, after = pairs(values, head, row["intervention"])
        reward, raw = after[:, 0] - before[:, 0], after[:, 1] - before[:, 1]
        assert row["delta"]["value"] == pytest.approx(reward.mean(), abs=1e-9)
        assert row["before"]["value"] == pytest.approx(before[:, 0].mean())
        assert row["falls"]["value"] == pytest.approx(((raw < 0) + 0.5 * (raw == 0)).mean())
        assert row["effect_size"] == pytest.approx(raw.mean() / raw.std(ddof=1), rel=1e-6)
        accepted = before[:, 0] >= 0.5
        assert row["accepted_before"] == accepted.sum()
        if accepted.any():
            assert row["still_accepted"]["value"] == pytest.approx(
                (after[accepted, 0] >= 0.5).mean()
            )
        assert sum(row["rewards_after"]) == len(group)


def test_intervals_against_scipy(report):
    """Percentile bootstrap over questions; two bootstraps of 1,000 draws agree within a few per
    cent of their width."""
    stats = pytest.importorskip("scipy.stats")
    data, values, _, _ = report
    for row in data["process"]["interventions"]:
        group, before, after = pairs(values, "process", row["intervention"])
        delta = after[:, 0] - before[:, 0]
        _, index = np.unique(group, return_inverse=True)
        total, count = np.bincount(index, delta), np.bincount(index)
        # questions without such an edit are drawn too, and count for nothing
        missing = data["questions"] - len(total)
        total, count = np.append(total, np.zeros(missing)), np.append(count, np.zeros(missing))
        theirs = stats.bootstrap(
            (total, count),
            lambda t, c, axis: t.sum(axis) / c.sum(axis),
            paired=True,
            vectorized=True,
            n_resamples=4000,
            method="percentile",
            random_state=1,
        )
        low, high = theirs.confidence_interval
        width = high - low + 1e-6
        assert abs(row["delta"]["low"] - low) < 0.15 * width, row["intervention"]
        assert abs(row["delta"]["high"] - high) < 0.15 * width, row["intervention"]


def grade(figure, value, n):
    no, yes, higher = RULES[figure]
    if n < 30:
        return "unknown"
    if higher:
        return "no" if value["low"] >= no else "yes" if value["high"] <= yes else "partly"
    return "no" if value["high"] <= no else "yes" if value["low"] > yes else "partly"


@pytest.mark.parametrize("head", ["process", "outcome"])
def test_each_verdict_is_its_worst_rule(report, head):
    """Each rule is computed again from the figures of its intervention."""
    data, _, _, out = report
    rows = {row["intervention"]: row for row in data[head]["interventions"]}
    verdicts = {v["property"]: v for v in data[head]["verdicts"]}
    assert list(verdicts) == PROPERTIES
    for verdict in verdicts.values():
        grades = []
        for rule in verdict["rules"]:
            row, figure = rows[rule["intervention"]], rule["figure"]
            still = figure == "still_accepted"
            assert rule["traces"] == row["accepted_before" if still else "traces"]
            value = dict(row["delta" if figure in ("rise", "mean_falls") else figure])
            if figure == "mean_falls":
                value = {"value": -value["value"], "low": -value["high"], "high": -value["low"]}
            assert {k: rule[k] for k in value} == value
            assert rule["verdict"] == grade(figure, value, rule["traces"])
            assert (rule["no"], rule["yes"]) == RULES[figure][:2]
            grades.append(rule["verdict"])
        assert verdict["verdict"] == max(grades, key=ORDER.index)
        decided = verdict["rules"][verdict["decided_by"]]
        assert decided["verdict"] == verdict["verdict"]
        assert decided["intervention"] in verdict["sentence"]
        assert decided["figure"] in verdict["rule"]
        assert verdict["sentence"] in out and verdict["rule"] in out
    length = {r["intervention"] for r in verdicts["length-loving"]["rules"]}
    assert {f"filler_{k:02}" for k in range(1, 13)} < length


def test_one_example_of_each_edit(report):
    examples = report[0]["examples"]
    assert list(examples) == EDITS
    for edit, example in examples.items():
        assert example["before"] != example["after"], edit
        assert len(example["process"]) == len(example["outcome"]) == 2
    assert examples["question_removed"]["after"] == "Question: (none)"
    assert "(Hint: the answer is " in examples["hint_wrong"]["after"]
    assert examples["grader_wrong"]["after"].startswith("Step 1: ")
    texts = {examples[f"filler_{k:02}"]["after"] for k in range(1, 13)}
    assert len(texts) == 12


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.open, self.words = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "br", "path", "line", "rect", "circle"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_is_self_contained_and_escaped(report):
    text = (report[2] / "audit.html").read_text()
    page = Page()
    page.feed(text)
    assert page.open == []
    assert not {"script", "link", "img", "iframe", "object", "b>"} & set(page.tags)
    assert not any(name in ("src", "href", "onload", "onclick") for name, _ in page.attributes)
    assert "http" not in text and "url(" not in text and "@import" not in text
    assert "<b>&'\".jsonl" in "".join(page.words) and "<b>&'" not in text
    assert page.tags.count("svg") == 3  # changes; histograms of two models
    assert not re.search(r"\b(nan|inf)\b", text)
    for edit in EDITS:  # the same name in the chart, two tables, two histograms, the examples
        assert page.words.count(edit) == 6, edit
    for head in ("process", "outcome"):
        for verdict in report[0][head]["verdicts"]:
            assert verdict["rule"] in "".join(page.words)


def test_markdown(report):
    text = (report[2] / "audit.md").read_text()
    assert text.count("\n| ") == 3 * (len(EDITS) + 1) and "- **question-blind: " in text
    assert "\\<b\\>\\&" in text and "nan" not in text
    assert text.count(" Rule: ") == 2 * len(PROPERTIES)


def test_fail_on_is_the_exit_status(rewardd_bin, tmp_path):
    """Five traces are no evidence: every verdict is unknown, which is no flaw and no pass."""
    common = ["--outcome", ORM, "--traces", write_traces(tmp_path / "t.jsonl", 5)]
    common += ["--out", tmp_path / "o"]
    for fail_on, code in (("partly", 0), ("unknown", 3), ("order-blind=unknown", 3)):
        done = audit(*common, "--fail-on", fail_on)
        assert done.returncode == code, done.stderr
        lines = [x for x in done.stderr.splitlines() if x.startswith("fails: ")]
        assert len(lines) == {"partly": 0, "unknown": len(PROPERTIES)}.get(fail_on, 1)
    done = audit(*common, "--fail-on", "order-blnd=yes")
    assert done.returncode == 2 and "order-blind" in done.stderr


def test_two_models_side_by_side(rewardd_bin, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(ORM, other)
    config = json.loads((other / "rewardd.json").read_text())
    config.pop("golden", None)
    (other / "rewardd.json").write_text(json.dumps(config))
    done = audit(
        *["--outcome", ORM, "--against-outcome", f"{other}=second"],
        *["--traces", write_traces(tmp_path / "t.jsonl", 8), "--out", tmp_path / "o"],
    )
    assert done.returncode == 0, done.stderr
    data = json.loads((tmp_path / "o" / "audit.json").read_text())
    first, second = data["outcome"], data["against"]["outcome"]
    assert second["name"] == "second"
    assert first["interventions"] == second["interventions"]  # the same weights
    for name in ("audit.md", "audit.html"):
        text = (tmp_path / "o" / name).read_text()
        assert "Side by side: outcome models" in text and "second" in text
    assert (tmp_path / "o" / "values-against.jsonl").exists()


@pytest.mark.parametrize("where", ["folder", "beside"])
def test_the_daemon_tells_what_was_saved(rewardd_bin, tmp_path, where):
    folder = tmp_path / "orm"
    shutil.copytree(ORM, folder)
    (folder / "audit.json").unlink(missing_ok=True)
    traces = write_traces(tmp_path / "mine.jsonl", 5)
    done = audit(
        *["--outcome", f"{folder}/", "--traces", traces, "--out", tmp_path / "o"],
        *["--save", where],
    )
    assert done.returncode == 0, done.stderr
    note = folder / "audit.json" if where == "folder" else tmp_path / "orm.audit.json"
    assert f"saved: {note}" in done.stdout
    saved = json.loads(note.read_text())
    assert str(tmp_path) not in note.read_text()  # no path of the machine that audited

    def served():
        with Daemon([folder]) as d:
            with urllib.request.urlopen(d.wait_ready().url + "/v1/models") as reply:
                return json.load(reply)["data"][0]

    model = served()
    audited = model["audit"]
    assert audited["state"] == "current" and audited["digest"] == model["digest"]
    assert audited["traces"] == 5 and audited["traces_file"] == "mine.jsonl"
    for told, wrote in zip(audited["verdicts"], saved["verdicts"], strict=True):
        decided = wrote["rules"][wrote["decided_by"]]
        for key in ("property", "means", "verdict", "sentence", "rule"):
            assert told[key] == wrote[key]
        for key in ("intervention", "figure", "value", "low", "high", "no", "yes", "traces"):
            assert told[key] == decided[key]
    saved["digest"] = saved["digest"][::-1]
    note.write_text(json.dumps(saved))
    audited = served()["audit"]
    assert audited["state"] == "other_weights" and audited["digest"] == saved["digest"]
    note.write_text("{")
    audited = served()["audit"]
    assert audited["state"] == "unreadable" and "audit.json" in audited["problem"]
    assert audited["verdicts"] == []
    note.unlink()
    assert served()["audit"]["state"] == "none"


def test_only_one_model(rewardd_bin, tmp_path):
    traces = write_traces(tmp_path / "t.jsonl", 5)
    done = audit("--outcome", ORM, "--traces", traces, "--out", tmp_path / "o")
    assert done.returncode == 0, done.stderr
    data = json.loads((tmp_path / "o" / "audit.json").read_text())
    assert "process" not in data
    assert {v["verdict"] for v in data["outcome"]["verdicts"]} == {
        "unknown"
    }  # 5 traces are no evidence


def test_unusable_options(rewardd_bin, tmp_path):
    done = audit("--model", ORM, "--traces", "x", "--out", tmp_path / "y")
    assert done.returncode == 1 and "an outcome, not a process" in done.stderr
    done = audit("--model", PRM, "--traces", "x", "--out", tmp_path / "y", "--save", "there")
    assert done.returncode == 2 and "neither folder nor beside" in done.stderr
