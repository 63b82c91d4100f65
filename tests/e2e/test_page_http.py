"""What the page is served as: headers, entity tags, who gets it; GET /v1/status by its schema."""

import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from daemon import Daemon

TOP = Path(__file__).resolve().parents[2]
PAGE = TOP / "server" / "ui" / "page"


def ask(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_every_file_is_served_as_it_is_and_nothing_else(daemon):
    for path in PAGE.iterdir():
        status, headers, body = ask(f"{daemon.url}/ui/{path.name}")
        assert (status, body) == (200, path.read_bytes()), path.name
        assert headers["X-Content-Type-Options"] == "nosniff"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert "require-trusted-types-for 'script'" in policy
    for name in ["nope.js", "..%2finfo.c", "%2e%2e", "index.html%00", "main.js/x"]:
        assert ask(f"{daemon.url}/ui/{name}")[0] == 404, name


def test_entity_tags(daemon):
    status, headers, body = ask(daemon.url + "/ui")
    assert status == 200 and body == (PAGE / "index.html").read_bytes()
    tag = headers["ETag"]
    assert headers["Cache-Control"] == "no-cache"
    for given in [tag, f'"x", {tag}', f"W/{tag}", "*"]:
        status, headers, body = ask(daemon.url + "/ui", **{"If-None-Match": given})
        assert (status, body, headers["ETag"]) == (304, b"", tag), given
    assert ask(daemon.url + "/ui", **{"If-None-Match": '"other"'})[0] == 200


def test_a_browser_gets_the_page_at_the_root_and_curl_the_text(daemon):
    assert ask(daemon.url + "/", Accept="text/html,*/*;q=0.8")[2].startswith(b"<!doctype html>")
    assert b"is running" in ask(daemon.url + "/", Accept="*/*")[2]
    assert ask(daemon.url + "/ui/")[2].startswith(b"<!doctype html>")  # 308 was followed


def test_the_page_needs_nothing_from_elsewhere_and_is_small():
    total = 0
    for path in PAGE.iterdir():
        text = path.read_text()
        total += len(text.encode())
        found = set(re.findall(r"https?://[^\s\"'`)]+", text))
        assert found <= {"http://www.w3.org/2000/svg"}, path.name
        for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]:
            assert word not in text, path.name
        for store in ["localStorage", "sessionStorage", "document.cookie", "indexedDB"]:
            assert store not in text, path.name
    assert total < 150_000


def test_status_follows_its_schema(daemon):
    jsonschema = pytest.importorskip("jsonschema")
    document = json.loads((TOP / "proto" / "openapi.json").read_text())
    daemon.post("/v1/rewards", {"prompt": "1 + 1?", "trace": ["1 + 1 = 2", "The answer is 2."]})
    status, _, body = ask(daemon.url + "/v1/status")
    said = json.loads(body)
    schema = {"$ref": "#/components/schemas/Status", "components": document["components"]}
    jsonschema.validate(said, schema)
    assert status == 200 and said["phase"] == "ready"
    assert said["work"]["traces_scored"] >= 1 and said["work"]["steps_scored"] >= 2
    assert said["memory"]["resident_bytes"] > 1_000_000


def test_models_tell_their_calibration_groups_and_rates(rewardd_bin):
    jsonschema = pytest.importorskip("jsonschema")
    document = json.loads((TOP / "proto" / "openapi.json").read_text())
    folder = TOP / "deploy" / "models" / "rewardd-prm-small"
    bank = json.loads((folder / "calibration.json").read_text())
    with Daemon([folder]) as d:
        said = json.loads(ask(d.wait_ready().url + "/v1/models")[2])
    schema = {"$ref": "#/components/schemas/ModelList", "components": document["components"]}
    jsonschema.validate(said, schema)
    calibration = said["data"][0]["calibration"]
    assert calibration["traces"] == bank["rows"] and calibration["alpha"] == 0.01
    assert [(g["domain"], g["group"]) for g in calibration["groups"]] == [
        (d["tag"], d["group"]) for d in bank["domains"]
    ]
    for group, domain in zip(calibration["groups"], bank["domains"], strict=True):
        names = {name for b in domain["bins"] for name in b["signals"]}
        sizes = [sum(len(b["signals"].get(n, [])) for b in domain["bins"]) for n in names]
        n = max(sizes)
        assert group["traces"] == n
        if n >= 99:
            k = int(0.01 * (n + 1))  # the mean of Beta(k, n + 1 - k)
            assert group["false_alarm_rate"] == pytest.approx(k / (n + 1))
        else:
            assert group["false_alarm_rate"] is None
