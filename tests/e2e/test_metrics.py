"""/metrics, read by the strict parser of prometheus_client, and by the rules of `promtool check
metrics`."""

import re
import shutil
import subprocess

import pytest
from fake_daemon import TRACE, body_of, post, server, start  # noqa: F401 (fixtures)

parser = pytest.importorskip("prometheus_client.parser")
openmetrics = pytest.importorskip("prometheus_client.openmetrics.parser")

UNITS_NOT_BASE = (
    "milliseconds",
    "microseconds",
    "nanoseconds",
    "minutes",
    "hours",
    "kilobytes",
    "megabytes",
    "bits",
    "percent",
    "ms",
    "us",
    "ns",
    "kb",
    "mb",
)


def as_openmetrics(text):
    """The same page in the stricter format: the family of a counter is named without _total, and
    the end is said."""
    text = re.sub(r"^# (HELP|TYPE) (\S+?)_total ", r"# \1 \2 ", text, flags=re.M)
    return text + "# EOF\n"


def page_in_openmetrics(daemon, accept="application/openmetrics-text; version=1.0.0"):
    ask = f"GET /metrics HTTP/1.0\r\nAccept: {accept}\r\n\r\n"
    reply = daemon.ask(ask.encode())
    return reply.split(b"\r\n\r\n")[0], body_of(reply).decode()


PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    "accept, wants",
    [
        ("application/openmetrics-text", True),
        ("Application/OpenMetrics-Text ; version=1.0.0", True),
        (PROMETHEUS, True),
        ("application/openmetrics-text;q=0.2, text/plain;q=0.3", False),
        ("application/openmetrics-text;q=0", False),
        ("text/plain", False),
        ("*/*", False),
        ("", False),
        ("application/json", False),
    ],
)
def test_the_format_that_is_asked_for(server, accept, wants):
    head, page = page_in_openmetrics(server, accept)
    assert (b"application/openmetrics-text; version=1.0.0" in head) == wants
    assert page.endswith("\n# EOF\n") == wants and b"Vary: Accept" in head
    if not wants:
        assert b"text/plain; version=0.0.4" in head


def test_openmetrics_says_what_the_text_says(server):
    """The strict parser reads it as served, and finds the families and series of the text page."""
    page_of(server)
    text = list(parser.text_string_to_metric_families(page_of(server)))
    strict = list(openmetrics.text_string_to_metric_families(page_in_openmetrics(server)[1]))

    def names(families):
        return {
            (s.name, *sorted(s.labels.items()))
            for f in families
            for s in f.samples
            if "le" not in s.labels
        }

    assert len(text) == len(strict) and names(text) == names(strict)
    bounds = {s.labels["le"] for f in strict for s in f.samples if "le" in s.labels}
    assert {"1.0", "0.001", "180.0", "+Inf"} <= bounds


def problems(text):
    """What promtool calls a lint, on our own page."""
    helped = set(re.findall(r"^# HELP (\S+) \S", text, flags=re.M))
    typed = re.findall(r"^# TYPE (\S+) (\S+)$", text, flags=re.M)
    found = [
        f"{name}: two types"
        for name in {n for n, _ in typed}
        if sum(n == name for n, _ in typed) > 1
    ]
    for name, kind in typed:
        if name not in helped:
            found.append(f"{name}: no help text")
        if (kind == "counter") != name.endswith("_total"):
            found.append(f"{name}: a {kind}; counters and nothing else end in _total")
        if kind == "gauge" and name.endswith(("_count", "_sum", "_bucket")):
            found.append(f"{name}: a reserved end")
        if not re.fullmatch(r"(rewardd|process)_[a-z0-9_]+", name):
            found.append(f"{name}: prefix, or not in snake case")
        if {"gauge", "counter", "histogram", "summary"} & set(name.split("_")):
            found.append(f"{name}: its type in its name")
        if name.removesuffix("_total").split("_")[-1] in UNITS_NOT_BASE:
            found.append(f"{name}: not a base unit")
    return found


def page_of(daemon):
    daemon.ask(post(TRACE))
    daemon.ask(post({**TRACE, "run": {"id": "r", "step": 1}}))
    daemon.ask(post(b"{"))
    return body_of(daemon.ask(b"GET /metrics HTTP/1.0\r\n\r\n")).decode()


def test_page_is_what_prometheus_reads(server):
    text = page_of(server)
    families = list(parser.text_string_to_metric_families(text))
    strict = list(openmetrics.text_string_to_metric_families(as_openmetrics(text)))
    assert len(families) == len(strict) > 30
    samples = {(s.name, tuple(sorted(s.labels.items()))) for f in families for s in f.samples}
    assert len(samples) == sum(len(f.samples) for f in families), "a series is there twice"
    assert problems(text) == []
    tool = shutil.which("promtool")  # 100 MB of Prometheus: its own word too, where it is installed
    if tool:
        out = subprocess.run([tool, "check", "metrics"], input=text.encode(), capture_output=True)
        assert out.returncode == 0, out.stdout + out.stderr


def test_the_rules_find_something(server):
    text = page_of(server)
    bad = (
        "# HELP rewardd_wait_ms Wait.\n# TYPE rewardd_wait_ms gauge\nrewardd_wait_ms 1\n"
        "# TYPE rewardd_things counter\nrewardd_things 1\n"
    )
    assert len(problems(text + bad)) == 3
    with pytest.raises(ValueError):
        list(
            openmetrics.text_string_to_metric_families(
                as_openmetrics(text + bad + "rewardd_wait_ms 2\n")
            )
        )


# 1-2-5 from a millisecond to the longest hold
BOUNDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 180]
BOUNDS.append(float("inf"))


@pytest.mark.parametrize("name", ['a"b', "back\\slash", "end\\", "a{b}", "ä\u2028ö", 'x"} 1'])
def test_any_model_name(start, name):
    daemon = start(models=[f"process,name={name}"])
    assert b" 200 " in daemon.ask(post(TRACE))[:16]
    text = body_of(daemon.ask(b"GET /metrics HTTP/1.0\r\n\r\n")).decode()
    for page in (
        parser.text_string_to_metric_families(text),
        openmetrics.text_string_to_metric_families(as_openmetrics(text)),
        openmetrics.text_string_to_metric_families(page_in_openmetrics(daemon)[1]),
    ):
        families = {f.name: f for f in page}
        seen = {s.labels["model"] for s in families["rewardd_reward"].samples}
        assert seen == {name}
        count = [
            s.value for s in families["rewardd_trace_steps"].samples if s.name.endswith("_count")
        ]
        assert count == [1]
        route = families["rewardd_request_duration_seconds"].samples
        assert "/v1/rewards" in {s.labels["route"] for s in route}
        bounds = {s.labels["le"] for s in route if "le" in s.labels}
        assert sorted(map(float, bounds)) == BOUNDS
        assert families["rewardd_run_alarms_open"].samples[0].value == 0
