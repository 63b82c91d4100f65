"""What a chat template that asks for the date is told: an option, said at load."""

import json
import os
import shutil
import subprocess
import urllib.request

import pytest
from daemon import Daemon

MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy", "models")
DATED = "{{ strftime_now('%A %d %B %Y, day %j') }}\n"
TURNS = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"


def folder(tmp_path, name, template):
    path = tmp_path / name
    shutil.copytree(os.path.join(MODELS, "rewardd-orm-small"), path)
    recipe = json.loads((path / "rewardd.json").read_text())
    recipe["layout"] = {"chat": "auto"}
    del recipe["golden"]
    (path / "rewardd.json").write_text(json.dumps(recipe))
    (path / "chat_template.jinja").write_text(template)
    return path


def get(daemon, path):
    with urllib.request.urlopen(daemon.url + path, timeout=10) as reply:
        return json.load(reply)


def explain(rewardd_bin, model):
    done = subprocess.run(
        [rewardd_bin, "explain", "--model", str(model), "--prompt", "a", "--trace", "b", "--json"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("date", "said"),
    [
        (None, "Friday 26 July 2024, day 208"),
        ("2026-11-29", "Sunday 29 November 2026, day 333"),
        ("2000-02-29", "Tuesday 29 February 2000, day 060"),
        ("1999-12-31", "Friday 31 December 1999, day 365"),
    ],
)
def test_the_date_is_the_one_that_was_given(rewardd_bin, tmp_path, date, said):
    model = folder(tmp_path, "dated", DATED + TURNS)
    seen = explain(rewardd_bin, f"{model},date={date}" if date else model)
    assert said in seen["rendered"]
    assert seen["template_date"] == (date or "2024-07-26")


def test_a_date_is_part_of_the_digest_where_it_is_asked_for(rewardd_bin, tmp_path):
    dated = folder(tmp_path, "dated", DATED + TURNS)
    plain = folder(tmp_path, "plain", TURNS)
    usual = explain(rewardd_bin, dated)
    assert explain(rewardd_bin, f"{dated},date=2024-07-26")["digest"] == usual["digest"]
    assert explain(rewardd_bin, f"{dated},date=2024-07-27")["digest"] != usual["digest"]
    same = explain(rewardd_bin, plain)
    assert same["template_date"] is None
    assert explain(rewardd_bin, f"{plain},date=2024-07-27")["digest"] == same["digest"]


@pytest.mark.parametrize("way", ["flag", "environment", "model"])
def test_it_is_said_at_load(rewardd_bin, tmp_path, way):
    dated = folder(tmp_path, "dated", DATED + TURNS)
    plain = folder(tmp_path, "plain", TURNS)
    options = ["--template-date", "2025-01-02"] if way == "flag" else []
    env = {"REWARDD_TEMPLATE_DATE": "2025-01-02"} if way == "environment" else {}
    first = f"{dated},date=2025-01-02" if way == "model" else str(dated)
    with Daemon([first, plain], *options, env=env) as daemon:
        daemon.wait_ready()
        listed = {m["id"]: m["template_date"] for m in get(daemon, "/v1/models")["data"]}
        assert listed == {"dated": "2025-01-02", "plain": None}
        assert daemon.log.count("told 2025-01-02 (--template-date)") == 1
        assert "template_date=2025-01-02" in daemon.log and "template_date=none" in daemon.log


@pytest.mark.parametrize("date", ["2025-02-29", "25-01-02", "2025-1-2", "2025-13-01", "today", ""])
def test_what_is_no_date_is_refused(rewardd_bin, date):
    done = subprocess.run(
        [rewardd_bin, f"--template-date={date}", "--check-config"], capture_output=True, text=True
    )
    assert done.returncode == 2 and "template-date" in done.stderr
