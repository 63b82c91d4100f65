"""`rewardd audit` on the default models: the report against numpy and scipy, and the page as a
page."""

import html.parser
import json
import os
import re
import subprocess

import pytest
from flag_traces import clean
from test_flags import ORM, PRM

np = pytest.importorskip("numpy")
TRACES = 60
EDITS = [
    "question_removed",
    "question_swapped",
    "question_number",
    "step_number",
    "steps_dropped",
    "steps_shuffled",
    "steps_repeated",
    "steps_padded",
    "answer_only",
    "answer_first",
    "format_stripped",
    "hint_copied",
]


@pytest.fixture(scope="module")
def report(rewardd_bin, tmp_path_factory):
    top = tmp_path_factory.mktemp("audit")
    traces = top / "<b>&'\".jsonl"  # a hostile name
    rows = [clean(20000 + i % (TRACES - 10)) for i in range(TRACES)]  # some questions twice
    for row in rows[::2]:
        row["steps"] = [f"**Step** \\({step}\\)" for step in row["steps"]]
    traces.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = top / "out"
    done = subprocess.run(
        [
            os.environ["REWARDD_BIN"],
            "audit",
            "--model",
            PRM,
            "--outcome",
            ORM,
            "--traces",
            traces,
            "--out",
            out,
        ],
        capture_output=True,
        text=True,
    )
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


def test_verdicts(report):
    data, _, _, out = report
    for head in ("process", "outcome"):
        verdicts = {v["property"]: v for v in data[head]["verdicts"]}
        assert list(verdicts) == [
            "question-blind",
            "number-blind",
            "order-blind",
            "length-loving",
            "format-loving",
            "answer-loving",
        ]
        rows = {row["intervention"]: row for row in data[head]["interventions"]}
        falls = rows["question_swapped"]["falls"]
        wanted = "no" if falls["low"] >= 0.9 else "yes" if falls["high"] <= 0.6 else "partly"
        assert verdicts["question-blind"]["verdict"] == wanted
        for verdict in verdicts.values():
            assert verdict["sentence"] in out and verdict["verdict"] in (
                "unknown",
                "no",
                "partly",
                "yes",
            )


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


def test_markdown(report):
    text = (report[2] / "audit.md").read_text()
    assert text.count("\n| ") == 2 * (len(EDITS) + 1) and "- **question-blind: " in text
    assert "\\<b\\>\\&" in text and "nan" not in text


def test_only_one_model(rewardd_bin, tmp_path):
    traces = tmp_path / "t.jsonl"
    traces.write_text("".join(json.dumps(clean(i)) + "\n" for i in range(5)))
    subprocess.run(
        [
            os.environ["REWARDD_BIN"],
            "audit",
            "--outcome",
            ORM,
            "--traces",
            traces,
            "--out",
            tmp_path / "o",
        ],
        check=True,
        capture_output=True,
    )
    data = json.loads((tmp_path / "o" / "audit.json").read_text())
    assert "process" not in data
    assert {v["verdict"] for v in data["outcome"]["verdicts"]} == {
        "unknown"
    }  # 5 traces are no evidence


def test_unusable_options(rewardd_bin, tmp_path):
    done = subprocess.run(
        [os.environ["REWARDD_BIN"], "audit", "--model", ORM, "--traces", "x", "--out", "y"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "an outcome, not a process" in done.stderr
