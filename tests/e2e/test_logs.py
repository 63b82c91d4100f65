"""Log lines: one JSON member per field, and what a line of a request says."""

import json
import os
import time

import pytest
from fake_daemon import TRACE, post, start, status  # noqa: F401 (start: fixture)


def lines_of(daemon):
    daemon.terminate()
    _, err = daemon.process.communicate(timeout=20)
    return [json.loads(line) for line in err.splitlines()]


def test_a_request_in_json(start, tmp_path):
    (tmp_path / "keys").write_text("team-a:abcdefghij\n")
    daemon = start(
        *("--log-format", "json", "--log-level", "info", "--access-log", "all"),
        *("--api-key-file", str(tmp_path / "keys"), "--drain-delay", "0"),
    )
    key = "Authorization: Bearer abcdefghij"
    body = {**TRACE, "run": {"id": 'a "quoted" run'}}
    assert status(daemon.ask(post(body, headers=[key, "X-Request-Id: 123456"]))) == 200
    assert status(daemon.ask(post({**TRACE, "aggregate": "most"}, headers=[key]))) == 400
    assert status(daemon.ask(post(TRACE))) == 401
    time.sleep(0.1)
    lines = lines_of(daemon)
    assert all({"time", "level", "event"} <= set(line) for line in lines)
    assert [line["keys"] for line in lines if line["event"] == "ready"] == [1]
    good, bad, stranger = [line for line in lines if line["event"] == "request"]
    assert good["id"] == "123456" and good["status"] == 200 and good["key"] == "team-a"
    assert good["traces"] == 1 and good["failed"] == 0 and good["tokens"] > 0
    assert good["run"] == "a _quoted_ run" and good["route"] == "/v1/rewards" and good["ms"] > 0
    assert bad["error"] == "invalid_request" and bad["param"] == "aggregate"
    assert stranger["error"] == "unauthorized" and stranger["key"] == ""
    assert "abcdefghij" not in json.dumps(lines)


@pytest.mark.parametrize("which", ["errors", "off"])
def test_a_200_with_a_failed_trace_is_seen(start, which):
    daemon = start("--log-format", "json", "--access-log", which, "--drain-delay", "0")
    body = {"prompt": "p", "traces": [{"steps": ["a"]}, {"steps": [""]}]}
    assert status(daemon.ask(post(TRACE))) == 200
    assert status(daemon.ask(post(body))) == 200
    time.sleep(0.1)
    seen = [line for line in lines_of(daemon) if line["event"] == "request"]
    assert [line["failed"] for line in seen] == ([1] if which == "errors" else [])


def test_a_reader_that_sleeps_stops_nothing(start):
    """Nobody reads standard error: replies go on, and the lost lines are counted."""
    daemon = start(
        *("--log-format", "json", "--log-level", "info", "--access-log", "all"),
        *("--drain-delay", "0"),
    )
    for _ in range(800):
        assert status(daemon.ask(post(TRACE, headers=["X-Request-Id: " + "a" * 60]))) == 200
    daemon.process.stderr.readline()  # room for a few lines
    first = os.read(daemon.process.stderr.fileno(), 1 << 15)
    assert b'"event":"request"' in first
    assert status(daemon.ask(post(TRACE))) == 200
    time.sleep(0.1)
    lost = [line["lines_lost"] for line in lines_of_tail(daemon) if line["event"] == "log"]
    assert len(lost) == 1 and 100 < lost[0] < 800


def lines_of_tail(daemon):
    """The whole lines of what standard error still holds; the first may be cut."""
    daemon.terminate()
    _, err = daemon.process.communicate(timeout=20)
    return [json.loads(line) for line in err.splitlines() if line.startswith("{")]
