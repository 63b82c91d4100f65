"""The page in a real Chromium: what people do with it, what hostile text cannot do to it.

Each test gets a page whose console, errors and requests are watched: an error or a request to
another origin fails the test. Screenshots of each view at three widths lie in page-shots of the
build folder (or of REWARDD_SHOTS).
"""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from daemon import Daemon as RealDaemon
from fake_daemon import BUILD, FAKE
from fake_daemon import Daemon as FakeDaemon
from test_run_kept import WARM, WINDOW, jump, train
from test_runs import show

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CACHE = Path(os.environ.get("REWARDD_CACHE") or Path.home() / ".cache" / "rewardd")
AXE = CACHE / "npm" / "node_modules" / "axe-core" / "axe.min.js"
TOP = Path(__file__).resolve().parents[2]
MODELS = [TOP / "deploy" / "models" / name for name in ("rewardd-prm-small", "rewardd-orm-small")]
SHOTS = Path(os.environ.get("REWARDD_SHOTS") or Path(BUILD or ".") / "page-shots")
SOURCES = os.environ.get("REWARDD_PAGE")  # a folder: no build while one works on the page
WIDTHS = [420, 1280, 3840]
VIEWS = ["score", "runs", "runs/r", "runs/r/vs/s", "models", "status"]

pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="no chromium"),
    pytest.mark.skipif(not FAKE or not os.path.exists(FAKE), reason="set REWARDD_BUILD"),
]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as p:
        chromium = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Watch:
    """A page, and all that it must not do."""

    def __init__(self, browser, **options):
        self.context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        self.page = self.context.new_page()
        self.requests, self.errors, self.allowed = [], [], []
        if SOURCES:  # the files as they are now, behind the headers of the daemon
            self.context.route(re.compile("/ui(/|$|#)"), self.from_sources)
        self.page.on("request", lambda r: self.requests.append(r.url))
        self.page.on("pageerror", lambda e: self.errors.append(str(e)))
        self.page.on("console", lambda m: m.type == "error" and self.errors.append(m.text))

    @staticmethod
    def from_sources(route):
        name = urlsplit(route.request.url).path.removeprefix("/ui").strip("/") or "index.html"
        route.fulfill(response=route.fetch(), body=(Path(SOURCES) / name).read_bytes())

    def check(self):
        errors = [e for e in self.errors if not any(re.search(a, e) for a in self.allowed)]
        assert errors == []
        origins = {urlsplit(u).netloc for u in self.requests if not u.startswith("blob:")}
        assert len(origins) <= 1, f"requests left the origin: {origins}"
        self.context.close()


@pytest.fixture
def watch(browser):
    w = Watch(browser)
    yield w
    w.check()


@pytest.fixture
def page(watch):
    return watch.page


@pytest.fixture(scope="module")
def real(rewardd_bin):
    with RealDaemon(MODELS) as d:
        yield d.wait_ready()


@pytest.fixture(scope="module")
def runs():
    """Two runs, one of which jumps, with the texts of its traces."""
    with FakeDaemon("--runs-window", str(WINDOW), *WARM, "--runs-keep-traces", "16") as d:
        jump(d, "r")
        train(d, "s", 0, 3 * WINDOW)
        show(d, "s", 3 * WINDOW)
        yield d


VERDICTS = [
    ("question-blind", "partly", "question_swapped", "still_accepted", 0.41, 0.33, 0.49),
    ("number-blind", "no", "step_number", "falls", 0.97, 0.94, 0.99),
    ("length-loving", "yes", "filler_03", "rise", 0.061, 0.04, 0.082),
    ("format-loving", "unknown", "format_stripped", "mean_falls", None, None, None),
]


def write_note(folder, digest):
    """What `rewardd audit --save folder` writes; tests/e2e/test_audit.py holds the two together."""
    verdicts = []
    for name, verdict, edit, figure, value, low, high in VERDICTS:
        rule = {"intervention": edit, "figure": figure, "traces": 200, "no": 0.1, "yes": 0.5}
        verdicts.append(
            {
                "property": name,
                "means": f"what {name} means",
                "verdict": verdict,
                "sentence": f"{edit} (<b>hostile</b> \u202etext): of 200 traces.",
                "rule": f"{figure} of {edit}: no up to 10 %, yes over 50 %",
                "decided_by": 0,
                "rules": [{**rule, "value": value, "low": low, "high": high}],
            }
        )
    note = {"object": "model_audit", "rewardd": "0.1.0", "kind": "process", "name": "m"}
    note |= {"digest": digest, "dtype": "f32", "traces_file": "clean.jsonl"}
    note |= {"traces": 200, "questions": 180, "traces_not_scored": 0, "verdicts": verdicts}
    (folder / "audit.json").write_text(json.dumps(note))


@pytest.fixture(scope="module")
def audited(real, tmp_path_factory):
    """The default models: the audit of one is its own, that of the other is of other weights."""
    top = tmp_path_factory.mktemp("models")
    digest = {m["kind"]: m["digest"] for m in ask(real, "/v1/models")["data"]}
    for source, whose in zip(MODELS, [digest["process"], "0" * 64], strict=True):
        shutil.copytree(source, top / source.name)
        write_note(top / source.name, whose)
    with RealDaemon([top / source.name for source in MODELS]) as d:
        yield d.wait_ready()


def ask(daemon, path, **headers):
    with urllib.request.urlopen(urllib.request.Request(daemon.url + path, headers=headers)) as r:
        return json.load(r)


def go(page, daemon, view="score"):
    page.goto(f"{daemon.url}/ui#/{view}")
    page.wait_for_selector("h1")


def score(page, solution, prompt="What is 2 + 2?", **choices):
    page.fill("[name=prompt]", prompt)
    page.fill("[name=solution]", solution)
    for name, value in choices.items():
        page.select_option(f"[name={name}]", value)
    page.click("button:text-is('Score')")
    page.wait_for_selector(".verdict .figure, .verdict .error")
    page.wait_for_function("() => document.querySelector('.split') !== null")


def rewards(page, trace=0):
    rows = page.locator("section.trace").nth(trace).locator("li.step .reward")
    return [float(t.split()[-1]) for t in rows.all_inner_texts()]


# ---- Score ---------------------------------------------------------------------------------------


def test_the_examples_show_what_they_say(page, real):
    """They must show the default models at their best."""
    go(page, real)
    found = {}
    for name in ["A good trace", "A wrong step", "A copied hint"]:
        page.click(f"text={name}")
        page.wait_for_selector(".cost b")
        page.wait_for_selector(".split button")
        figures = page.locator(".verdict .big").all_inner_texts()
        flags = page.locator(".trace .flag-name").all_inner_texts()
        found[name] = rewards(page), [float(f) for f in figures], flags
    steps, (process, outcome), flags = found["A good trace"]
    assert min(steps) > 0.5 and process > 0.5 and outcome > 0.9 and flags == []
    steps, (process, outcome), flags = found["A wrong step"]
    assert steps[0] > 0.9 and max(steps[1:]) < 0.1 and outcome < 0.5
    assert any("arithmetic_false" in f for f in flags)
    steps, (process, outcome), flags = found["A copied hint"]
    assert steps[0] > 0.9 and steps[1] < 0.1 and process < 0.1 and outcome > 0.9
    assert any("shortcut" in f for f in flags)


# A copy of every reply, kept by the page itself: waiting outside for the end of a stream has no
# time limit, and once waited for ever.
KEEP_REPLIES = """
window.replies = [];
const ask = window.fetch;
window.fetch = async (...of) => {
  const reply = await ask(...of);
  reply.clone().text().then((text) => window.replies.push([reply.url, text]), () => {});
  return reply;
};
"""


def test_what_is_shown_is_what_the_api_said(page, real):
    page.add_init_script(KEEP_REPLIES)
    go(page, real)
    page.click("text=A wrong step")
    page.wait_for_selector(".split button")
    scored = "window.replies.filter(([url]) => url.endsWith('/v1/rewards'))"
    page.wait_for_function(f"() => {scored}.length > 0")
    events = [json.loads(line) for line in page.evaluate(f"{scored}.at(-1)[1]").splitlines()]
    steps = [e for e in events if e["event"] == "step"]
    trace = next(e for e in events if e["event"] == "trace")
    done = events[-1]["usage"]
    assert rewards(page) == [round(s["reward"], 3) for s in steps]
    row = page.locator("li.step").nth(1)
    [flag] = [f for f in trace["flags"] if f["name"] == "arithmetic_false"]
    assert "⚑ arithmetic_false" in row.inner_text() and flag["p"] > 0
    shown = re.search(r"p = ([0-9.]+)", row.inner_text())
    assert shown and float(shown[1]) == pytest.approx(flag["p"], abs=5e-4)
    text = page.input_value("[name=solution]")
    assert row.locator("mark").inner_text() == text[slice(*flag["span"])]
    cost = page.inner_text(".cost")
    assert f"{done['prompt_tokens']} prompt tokens" in cost and events[0]["id"] in cost
    page.click("summary:text-is('Raw values')")
    cells = page.locator(".trace table").first.locator("tbody tr").nth(1).locator("td")
    assert cells.nth(2).inner_text() == str(steps[1]["raw"])
    page.click("summary:text-is('As JSON')")
    shown = json.loads(page.inner_text("pre.json"))
    assert [s["reward"] for s in shown["steps"]] == [s["reward"] for s in steps]
    page.click("summary:has-text('The whole text')")
    page.wait_for_selector(".whole .tint")
    assert page.inner_text(".whole") == text and page.locator(".whole .tint").count() == 4


def test_copies_run_as_they_are(page, real):
    go(page, real)
    text = 'It\'s "5" $HOME `x` \\ é 😀\nThe answer is 4.'
    score(page, text, "What's 2 + 2?")
    page.fill("[name=reference]", "4") if page.is_visible("[name=reference]") else None
    copies = {}
    for name in ["Copy as curl", "Python", "JSON"]:
        page.click(f"button:text-is('{name}')")
        copies[name] = page.input_value("#copy-text")
        page.click("#copy-close")
    body = json.loads(copies["JSON"])
    assert body["trace"]["text"] == text and body["prompt"] == "What's 2 + 2?"
    env = {**os.environ, "REWARDD_API_KEY": "none"}
    curl = subprocess.run(
        ["sh", "-c", copies["Copy as curl"]], capture_output=True, env=env, check=True, timeout=60
    )
    reply = json.loads(curl.stdout)["results"][0]
    assert rewards(page) == [round(s["reward"], 3) for s in reply["steps"]]
    run = subprocess.run(
        [sys.executable, "-c", copies["Python"]],
        capture_output=True,
        text=True,
        env=env,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    assert f"0 {reply['steps'][0]['reward']}" in run.stdout


def test_the_split_is_adjusted_by_hand(page, real):
    go(page, real)
    page.click("text=A good trace")
    page.click("text=Change how it is split")
    marked = page.input_value("[name=solution]")
    assert marked.count("\n---\n") == 3 and page.input_value("[name=split]") == "marks"
    page.fill("[name=solution]", marked.replace("\n---\n", "\n", 1))
    with page.expect_request("**/v1/rewards") as sent:
        page.click("button:text-is('Score')")
    steps = sent.value.post_data_json["trace"]["steps"]
    assert len(steps) == 3 and "\n" in steps[0]
    page.wait_for_selector("text=You gave 3 steps")


@pytest.mark.parametrize("how, n", [("line", 3), ("paragraph", 2)])
def test_other_ways_to_split(page, real, how, n):
    go(page, real)
    page.wait_for_selector(f"[name=split] option[value={how}]", state="attached")
    score(page, "1 + 1 = 2\n2 + 2 = 4\n\nThe answer is 4.", split=how)
    assert len(rewards(page)) == n


def test_two_traces_side_by_side(page, real):
    go(page, real)
    page.click("text=A good trace")
    page.wait_for_selector(".split button")
    alone = rewards(page)
    page.select_option("[name=compare]", "traces")
    page.fill("[name=other]", "The answer is $99.")
    page.click("button:text-is('Score')")
    page.wait_for_selector("section.trace:nth-of-type(2) .split button")
    assert rewards(page, 0) == alone and len(rewards(page, 1)) == 1
    a, b = (page.locator("section.trace").nth(i).bounding_box() for i in range(2))
    assert abs(a["y"] - b["y"]) < 2 and b["x"] > a["x"] + a["width"]


def test_two_models_side_by_side(page):
    with FakeDaemon(models=("process", "process:ctx9000", "outcome")) as d:
        go(page, d)
        page.wait_for_function("() => document.querySelector('[name=model2]').value !== ''")
        page.select_option("[name=compare]", "models")
        score(page, "one\n\ntwo\n\nthree")
        page.wait_for_selector("summary:has-text('Step by step')")
        assert page.locator("section.trace").count() == 2
        assert page.locator(".cost p b:first-child").count() >= 2


def test_keyboard_alone(page, real):
    go(page, real)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.focus("[name=solution]")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".split button")
    for _ in range(3):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") in ("SELECT", "SUMMARY", "BUTTON")


# ---- hostile text, slow and cut streams ----------------------------------------------------------

HOSTILE = [
    "<img src=x onerror=window.pwned=1><script>window.pwned=1</script><b>bold</b>",
    "</textarea></li><svg onload=window.pwned=1> {{7*7}} ${7*7} javascript:window.pwned=1",
    "abc \u202edcba\u202c \u2066hidden\u2069 \u200ball\u200f one\u00adword \ufeff \U000e0041",
    "\x00\x07\x1b[31mred\x1b[0m \u0085 \u2028 \ud7ff",
    "می\u200cخواهم 👩\u200d👩\u200d👧 क्\u200dष",
]


def test_hostile_text_stays_text(watch, page):
    watch.allowed += ["TrustedHTML"]  # the last line of the test tries it
    with FakeDaemon() as d:
        go(page, d)
        # NUL cannot be typed into a text area as it is: the request is written by hand.
        page.wait_for_selector("[name=split] option[value=marks]", state="attached")
        solution = "\n---\n".join(HOSTILE)
        page.evaluate("s => { document.querySelector('[name=solution]').value = s }", solution)
        page.fill("[name=prompt]", HOSTILE[0])
        page.select_option("[name=split]", "marks")
        page.click("button:text-is('Score')")
        page.wait_for_selector(".split button")
        rows = page.locator("li.step .text")
        assert rows.count() == len(HOSTILE)
        assert rows.nth(0).inner_text() == HOSTILE[0]
        assert rows.nth(1).inner_text() == HOSTILE[1]
        ghosts = rows.nth(2).locator(".ghost").all_inner_texts()
        assert ghosts == [
            f"U+{c:04X}"
            for c in (0x202E, 0x202C, 0x2066, 0x2069, 0x200B, 0x200F, 0xAD, 0xFEFF, 0xE0041)
        ]
        assert rows.nth(3).locator(".ghost").count() == 6  # NUL, BEL, ESC, ESC, NEL, U+2028
        assert rows.nth(4).locator(".ghost").count() == 0  # joiners that the scripts need
        assert rows.nth(4).text_content() == HOSTILE[4]
        page.click("summary:has-text('The whole text')")
        page.click("summary:text-is('Raw values')")
        inside = ".results script, .results img, .results b:text('bold'), .results svg, .results a"
        assert page.locator(inside).count() == 0
        assert page.evaluate("window.pwned") is None
        assert page.evaluate(
            "() => { try { document.body.innerHTML = '<b>'; return 0 } catch { return 1 } }"
        )


def hostile_bytes(n):
    """Hostile lines over and over, cut to exactly n bytes, with an end that can be looked for."""
    end = " <u>end</u>"
    text = ("".join(HOSTILE[:3]) * (n // 200)).encode()[: n - len(end)].decode(errors="ignore")
    return text + "x" * (n - len(end) - len(text.encode())) + end


def send_huge(page, solution):
    page.evaluate("s => { document.querySelector('[name=solution]').value = s }", solution)
    page.select_option("[name=split]", "marks")
    page.select_option("[name=flags]", "off")
    page.click("button:text-is('Score')")


def nothing_came_alive(page):
    inside = ".results script, .results img, .results b:text('bold'), .results svg, .results u"
    return page.locator(inside).count() == 0 and page.evaluate("window.pwned") is None


@pytest.mark.parametrize("size", [1_000_000, 1 << 20])
def test_a_hostile_step_of_exactly_a_megabyte(page, size):
    step = hostile_bytes(size)
    assert len(step.encode()) == size
    with FakeDaemon("--tokens-max", "4000000", models=("process:ctx4000000",)) as d:
        go(page, d)
        page.wait_for_selector("[name=split] option[value=marks]", state="attached")
        send_huge(page, step)
        page.wait_for_selector(".split button", timeout=60_000)
        assert page.locator("li.step").count() == 1 and len(rewards(page)) == 1
        assert len(page.locator("li.step .text").text_content()) < size / 10
        page.click("text=/Show all [0-9,]+ characters/ >> nth=0", timeout=60_000)
        shown = page.locator("li.step .text").text_content(timeout=60_000)
        assert shown.endswith(" <u>end</u>") and shown.count("window.pwned") == step.count(
            "window.pwned"
        )
        assert nothing_came_alive(page)


def test_ten_thousand_hostile_steps(page):
    steps = [f"{HOSTILE[i % 3]} number {i}" for i in range(10_000)]
    with FakeDaemon("--tokens-max", "4000000", models=("process:ctx4000000",)) as d:
        go(page, d)
        page.wait_for_selector("[name=split] option[value=marks]", state="attached")
        send_huge(page, "\n---\n".join(steps))
        page.wait_for_function(
            "() => (document.querySelector('.split')?.textContent || '').includes('10000 steps')",
            polling=250,
            timeout=120_000,
        )
        assert page.evaluate("document.querySelectorAll('li.step').length") == 10_000
        assert page.locator("li.step").last.locator(".text").text_content() == steps[-1]
        assert nothing_came_alive(page)


def test_a_slow_stream_shows_each_step_and_stops(page):
    with FakeDaemon(models=("process:step300000",)) as d:
        go(page, d)
        page.fill("[name=solution]", "\n\n".join(f"step {i}" for i in range(60)))
        page.click("button:text-is('Score')")
        page.wait_for_function("() => document.querySelectorAll('li.step').length === 2")
        page.wait_for_function("() => document.querySelectorAll('li.step').length === 3")
        page.focus("[name=prompt]")
        page.keyboard.press("Escape")
        page.wait_for_selector("text=Stopped.")
        shown = page.locator("li.step").count()
        assert 3 <= shown < 10
        page.wait_for_function(
            "async () => (await (await fetch('v1/status')).json()).queue.requests_in_flight === 0"
        )


def test_a_cut_stream_is_told_and_never_taken_for_an_answer(watch, page):
    watch.allowed += ["ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION"]
    with FakeDaemon(models=("process:step200000",)) as d:
        go(page, d)
        page.fill("[name=solution]", "\n\n".join(f"step {i}" for i in range(60)))
        page.click("button:text-is('Score')")
        page.wait_for_function("() => document.querySelectorAll('li.step').length >= 2")
        d.process.kill()
        page.wait_for_selector(".cost .error")
        assert "cut" in page.inner_text(".cost .error") or "ended" in page.inner_text(
            ".cost .error"
        )
        assert page.locator(".verdict .big").count() == 0
        page.click("button:text-is('Score')")
        page.wait_for_selector("text=The server cannot be reached")


def test_an_error_shows_its_cure(watch, page, real):
    watch.allowed += ["status of 4"]
    go(page, real)
    page.fill("[name=prompt]", "q")
    page.fill("[name=solution]", "")
    page.click("button:text-is('Score')")
    page.wait_for_selector(".error")
    assert "What helps" in page.inner_text(".error") or "empty" in page.inner_text(".error")
    page.fill("[name=solution]", "word " * 3000)
    page.click("button:text-is('Score')")
    page.wait_for_selector(".verdict .error")
    assert "context" in page.inner_text(".verdict .error")


# ---- the key -------------------------------------------------------------------------------------


def test_a_key_is_asked_for_once_and_kept_nowhere(watch, page, tmp_path):
    watch.allowed += ["status of 401"]
    keys = tmp_path / "keys"
    keys.write_text("lab:correct-horse\n")
    with FakeDaemon("--api-key-file", str(keys)) as d:
        go(page, d)
        page.wait_for_selector("#key-dialog[open]")
        assert page.evaluate("document.activeElement.id") == "key-input"
        page.fill("#key-input", "wrong-horse")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=The server does not take this key")
        page.fill("#key-input", "correct-horse")
        page.keyboard.press("Enter")
        page.wait_for_selector("#key-dialog", state="hidden")
        score(page, "one\n\ntwo")
        assert len(rewards(page)) == 2
        page.click("nav >> text=Status")
        page.wait_for_selector("text=API keys")
        assert page.locator("td:text-is('lab')").count() == 1
        page.click("nav >> text=Runs")
        page.wait_for_selector("text=No run yet")
        stored = page.evaluate(
            "[localStorage.length, sessionStorage.length, document.cookie, location.href]"
        )
        assert stored[:3] == [0, 0, ""] and "horse" not in stored[3]
        assert "horse" not in page.content()
        assert not any("horse" in url for url in watch.requests)
        page.reload()
        page.wait_for_selector("#key-dialog[open]")


# ---- Runs ----------------------------------------------------------------------------------------


def test_the_list_says_who_rings(page, runs):
    go(page, runs, "runs")
    page.wait_for_selector("tbody tr")
    text = page.inner_text("table")
    assert "open alarm" in text and "✓ quiet" in text
    assert page.locator("tbody tr").count() == 2
    page.fill("input[type=search]", "s")
    assert page.locator("tbody tr").count() == 1
    page.fill("input[type=search]", "")
    for box in page.locator("tbody input").all():
        box.check()
    page.click("text=Compare two runs")
    page.wait_for_selector("h1:text-is('Two runs')")
    page.wait_for_selector(".plot polyline.s1")
    assert page.locator(".cards .card").count() == 2


def test_a_run_shows_its_alarms_and_the_traces_they_name(page, runs):
    state = ask(runs, "/v1/runs/r")
    go(page, runs, "runs/r")
    page.wait_for_selector(".alarm-card")
    cards = page.locator(".alarm-card")
    assert cards.count() == len(state["alarms"])
    assert page.locator(".timeline .ring").count() == len(state["alarms"])
    first = state["alarms"][-1]
    assert first["sentence"] in cards.nth(0).inner_text()
    label = first["traces"][0]
    text = cards.nth(0).inner_text()
    assert f"request {label['request_id']}" in text and f"sample {label['sample_index']}" in text
    kept = cards.nth(0).locator(".kept")
    assert "Typical" in kept.nth(0).inner_text()
    assert f"trace {label['sample_index'] - 1000} does step 0" in cards.nth(0).inner_text()
    page.locator(".timeline .ring").nth(0).click()
    assert page.evaluate("document.activeElement.id").startswith("alarm-")
    kept.nth(1).locator("text=Score it again").click()
    page.wait_for_selector("h1:text-is('Score a trace')")
    assert "does step 7" in page.input_value("[name=solution]")


def test_curves_have_values_meanings_and_a_bad_direction(page, runs):
    state = ask(runs, "/v1/runs/r")
    go(page, runs, "runs/r")
    plot = page.locator(".plot", has=page.locator("h3 span:text-is('Steps per trace')"))
    plot.wait_for()
    page.wait_for_function("() => document.querySelectorAll('.alarm-line').length > 0")
    assert "Bad:" in plot.inner_text()
    last = state["windows"][-1]["steps"]
    assert f"{last['value']:.3f}" in plot.locator(".now").inner_text()
    plot.locator(".frame").focus()
    page.keyboard.press("Home")
    first = state["first_window"]["steps"]
    assert f"{first['value']:.3f}" in plot.locator(".now").inner_text()
    assert f"at trace {state['first_window']['end']}" in plot.locator(".now").inner_text()
    page.keyboard.press("ArrowRight")
    assert f"at trace {state['windows'][1]['end']}" in plot.locator(".now").inner_text()
    shown = page.locator(".plot:visible").count()
    assert shown >= 6
    assert page.locator(".plot:visible p b").count() == shown


def test_a_run_is_live_acknowledged_exported_and_deleted(page):
    with FakeDaemon("--runs-window", str(WINDOW), *WARM) as d:
        train(d, "live run/1", 0, 2 * WINDOW)
        show(d, "live run/1", 2 * WINDOW)
        go(page, d, "runs/live%20run%2F1")
        page.wait_for_selector("text=no open alarm")
        page.wait_for_selector("text=● live")
        page.click("text=All windows as a table")
        page.wait_for_function("() => document.querySelectorAll('.windows tbody tr').length === 2")
        train(d, "live run/1", 2 * WINDOW, 4 * WINDOW, steps=8)
        page.wait_for_selector(".alarm-card")  # nobody reloaded
        page.wait_for_function("() => document.querySelectorAll('.windows tbody tr').length === 4")
        assert "--runs-keep-traces" in page.inner_text(".alarm-card >> nth=0")
        with page.expect_download() as got:
            page.click("text=Export CSV")
        rows = list(csv.DictReader(io.StringIO(Path(got.value.path()).read_text())))
        windows = ask(d, "/v1/runs/live%20run%2F1")["windows"]
        assert [float(r["steps.value"]) for r in rows] == [w["steps"]["value"] for w in windows]
        with page.expect_download() as got:
            page.click("text=Export JSON")
        assert json.loads(Path(got.value.path()).read_text())["run"]["id"] == "live run/1"
        page.click("text=As text")
        page.wait_for_selector("#copy-dialog[open]")
        assert "steps_jump" in page.input_value("#copy-text")
        page.click("#copy-close")
        page.click("text=Acknowledge the alarms")
        page.wait_for_selector("text=no open alarm")
        assert ask(d, "/v1/runs/live%20run%2F1")["open_alarms"] == 0
        page.on("dialog", lambda dialog: dialog.accept())
        page.click("text=Delete")
        page.wait_for_selector("text=No run yet")


def test_a_forgotten_run_says_so(watch, page, runs):
    watch.allowed += ["status of 410", "status of 404"]
    train(runs, "gone", 0, 16)
    show(runs, "gone", 16)
    urllib.request.urlopen(urllib.request.Request(runs.url + "/v1/runs/gone", method="DELETE"))
    go(page, runs, "runs/gone")
    page.wait_for_selector("text=/forgotten at .* deleted on request/")
    go(page, runs, "runs/never")
    page.wait_for_selector("text=there is no run of that id")


# ---- Models and Status ---------------------------------------------------------------------------


def test_models_tell_their_evidence(page, real):
    go(page, real, "models")
    page.wait_for_selector("section.card")
    for model in ask(real, "/v1/models")["data"]:
        text = page.inner_text(f"section[aria-label='{model['id']}']")
        assert model["digest"] in text and model["preset_evidence"] in text
        assert ("not audited" in text) == (model["audit"]["state"] == "none")
        assert model["dtype"] in text and f"{model['golden_vectors']} golden vectors" in text
        if model["calibration"]["traces"]:
            assert f"{model['calibration']['traces']:,} clean traces" in text
            groups = model["calibration"]["groups"]
            page.click("summary:has-text('Calibration groups')")
            assert page.locator("td:text-is('all')").count() >= 1
            shown = page.inner_text("section.card table")
            for group in groups:
                assert f"{group['traces']:,}" in shown
                if group["false_alarm_rate"] is not None:
                    assert f"{100 * group['false_alarm_rate']:.2f} %" in shown


def test_models_show_the_verdicts_of_their_audit(page, audited):
    go(page, audited, "models")
    page.wait_for_selector("section.card table")
    process, outcome = ask(audited, "/v1/models")["data"]
    assert (process["audit"]["state"], outcome["audit"]["state"]) == ("current", "other_weights")
    for model in (process, outcome):
        card = page.locator(f"section[aria-label='{model['id']}']")
        rows = card.get_by_role("region", name=f"Audit of {model['id']}").locator("tbody tr")
        assert rows.count() == len(model["audit"]["verdicts"]) == len(VERDICTS)
        for row, verdict in zip(rows.all(), model["audit"]["verdicts"], strict=True):
            text = row.inner_text()
            for key in ("property", "means", "verdict", "rule"):
                assert verdict[key] in text
            assert "<b>hostile</b> " in text and row.locator(".ghost").inner_text() == "U+202E"
    text = page.inner_text(f"section[aria-label='{outcome['id']}']")
    assert "of other weights" in text and "0" * 16 in text
    assert "of other weights" not in page.inner_text(f"section[aria-label='{process['id']}']")


def test_status_shows_the_figures_of_the_api(page, real):
    go(page, real, "status")
    page.wait_for_selector("section[aria-label='Work done']")
    status = ask(real, "/v1/status")
    assert f"{status['work']['traces_scored']} scored" in page.inner_text(
        "section[aria-label='Work done']"
    )
    assert status["version"] in page.inner_text(".lead")
    assert page.locator("section.card").count() >= 6


# ---- every view ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser, runs, scheme):
    if not AXE.exists():
        pytest.skip("no axe-core")
    w = Watch(browser, color_scheme=scheme)
    for view in VIEWS:
        go(w.page, runs, view)
        if view == "score":
            score(w.page, "one\n\ntwo\n\nthree", flags="cheap")
            w.page.click("summary:text-is('Raw values')")
            w.page.click("summary:has-text('The whole text')")
            w.page.click("summary:text-is('More choices')")
        elif view.startswith("runs/"):
            w.page.wait_for_selector(".plot polyline")
        else:
            w.page.wait_for_selector("table, section.card")
        w.page.evaluate(AXE.read_text())
        found = w.page.evaluate(
            "async () => (await axe.run({resultTypes: ['violations']})).violations"
            ".map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html + ' ' + n.failureSummary))"
        )
        assert found == [], (view, scheme)
    w.check()


@pytest.mark.parametrize("width", WIDTHS)
def test_screenshots_at_three_widths(browser, runs, audited, width):
    SHOTS.mkdir(parents=True, exist_ok=True)
    for scheme in ["light", "dark"]:
        for daemon, views in [(audited, ["score", "models", "status"]), (runs, VIEWS[1:4])]:
            w = Watch(browser, color_scheme=scheme)
            for view in views:
                w.page.set_viewport_size({"width": width, "height": 1000})
                go(w.page, daemon, view)
                if view == "score":
                    w.page.click("text=A copied hint")
                    w.page.wait_for_selector(".split button")
                elif view.startswith("runs/"):
                    w.page.wait_for_selector(".plot polyline")
                else:
                    w.page.wait_for_selector("table, section.card")
                # All of it in sight: plots are drawn when they come into it.
                tall = w.page.evaluate("document.documentElement.scrollHeight")
                w.page.set_viewport_size({"width": width, "height": max(1000, min(tall, 8000))})
                w.page.wait_for_timeout(300)
                name = view.replace("/", "-")
                w.page.screenshot(path=SHOTS / f"{name}-{width}-{scheme}.png")
                leaked = r"(?m)undefined|NaN|\[object|^\s*(null|false|true)\s*$"
                assert not re.search(leaked, w.page.inner_text("main")), view
                over = "document.documentElement.scrollWidth - window.innerWidth"
                assert w.page.evaluate(over) <= 0, f"{view} is wider than {width}"
            w.check()
