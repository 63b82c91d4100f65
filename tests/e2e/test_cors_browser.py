"""CORS in a real browser: Debian's Chromium, a page of another origin, and what that page may read.

The page is served by the test itself; its script asks the daemon, and posts what it saw back to the
test. Nothing leaves loopback."""

import http.server
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from daemon import Daemon, free_port

TOP = Path(__file__).resolve().parents[2]
MODELS = [TOP / "deploy" / "models" / name for name in ("rewardd-prm-small", "rewardd-orm-small")]
CHROMIUM = os.environ.get("REWARDD_CHROMIUM") or shutil.which("chromium")
KEY = "a-key-of-sixteen-bytes"
SECONDS = 120

PAGE = """<!doctype html><title>page</title><script>
const api = "API", key = {Authorization: "Bearer KEY"}, json = {"Content-Type": "application/json"};
const trace = {prompt: "2+3?", trace: ["2+3=5", "so 5"]};
async function ask(path, options) {
  try {
    const reply = await fetch(api + path, options);
    const text = await reply.text();
    const headers = {};
    for (const name of ["x-request-id", "server-timing", "retry-after", "x-rewardd-roles",
                        "x-rewardd-errors", "allow"]) headers[name] = reply.headers.get(name);
    return {status: reply.status, text, headers};
  } catch (error) { return {failed: String(error)}; }
}
async function stream() {
  try {
    const reply = await fetch(api + "/v1/rewards", {method: "POST", headers: {...key, ...json},
      body: JSON.stringify({...trace, stream: true})});
    const reader = reply.body.getReader(), decoder = new TextDecoder();
    let text = "", pieces = 0;
    for (;;) {
      const {done, value} = await reader.read();
      if (done) return {status: reply.status, text, pieces};
      text += decoder.decode(value, {stream: true}); pieces++;
    }
  } catch (error) { return {failed: String(error)}; }
}
const post = (body, more = {}, method = "POST") =>
  ({method, headers: {...key, ...json, ...more}, body: JSON.stringify(body)});
const turns = [{role: "system", content: "s"}, {role: "user", content: "2+3?"}];
(async () => {
  const saw = {};
  saw.models = await ask("/v1/models", {headers: key});
  saw.rewards = await ask("/v1/rewards", post(trace));
  saw.stream = await stream();
  saw.wrong = await ask("/v1/rewards", post({promt: "x"}));
  saw.no_key = await ask("/v1/rewards", {method: "POST", headers: json, body: "{}"});
  saw.bad_key = await ask("/v1/models", {headers: {Authorization: "Bearer wrong-wrong-wrong"}});
  saw.nothing = await ask("/nope", {headers: key});
  saw.method = await ask("/v1/rewards", {method: "PUT", headers: {...key, ...json}, body: "{}"});
  saw.media = await ask("/v1/rewards", {method: "POST", headers: {...key}, body: "x"});
  saw.dialect = await ask("/pooling", post({input: 3}));
  saw.put = await ask("/classify", post({text: "x"}, {}, "PUT"));
  saw.roles = await ask("/compat/slime", post({prompt: turns, response: "5"}));
  saw.sdk = await ask("/v1/embeddings", post({input: "x"}, {"X-Stainless-Lang": "js",
    "X-Rewardd-Prefix": "1", "X-Request-Id": "page-1", traceparent: "00-0-0-00"}));
  saw.probe = await ask("/readyz", {});
  saw.event_source = await new Promise(done => {
    const events = new EventSource(api + "/v1/runs/none/events");
    events.onerror = () => { events.close(); done("error"); };
    setTimeout(() => done("waits"), 2000);
  });
  await fetch("/saw", {method: "POST", body: JSON.stringify(saw)});
})();
</script>"""


class Pages(http.server.ThreadingHTTPServer):
    """One origin: a page, and the place where its script leaves what it saw."""

    def __init__(self, api):
        self.page = PAGE.replace("API", api).replace("KEY", KEY).encode()
        self.saw = None
        self.done = threading.Event()
        super().__init__(("127.0.0.1", 0), PageHandler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.server_port}"


class PageHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.server.page)

    def do_POST(self):
        self.server.saw = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self.server.done.set()

    def log_message(self, *_):
        pass


def visit(pages, profile):
    """Chromium opens the page; returns what its script saw."""
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={profile}", "--remote-debugging-port=0", pages.origin + "/"]
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        assert pages.done.wait(SECONDS), "the page's script did not end"
        return pages.saw
    finally:
        browser.kill()
        browser.wait(30)
        browser.stderr.close()


@pytest.fixture(scope="module")
def seen(rewardd_bin, tmp_path_factory):
    """What a page of an allowed origin sees, and one of another."""
    if not CHROMIUM:
        pytest.skip("no chromium (apt-get install chromium, or REWARDD_CHROMIUM)")
    folder = tmp_path_factory.mktemp("browser")
    (folder / "keys").write_text(f"page:{KEY}\n")
    port = free_port()
    allowed, other = Pages(f"http://127.0.0.1:{port}"), Pages(f"http://127.0.0.1:{port}")
    options = ["--allow-origin", allowed.origin, "--api-key-file", str(folder / "keys")]
    try:
        with Daemon(MODELS, *options, port=port) as daemon:
            daemon.wait_ready()
            yield visit(allowed, folder / "a"), visit(other, folder / "b")
    finally:
        allowed.shutdown()
        other.shutdown()


def test_a_page_of_an_allowed_origin_reads_everything(seen):
    saw = seen[0]
    assert saw["models"]["status"] == 200 and "rewardd-prm-small" in saw["models"]["text"]
    rewards = json.loads(saw["rewards"]["text"])
    assert saw["rewards"]["status"] == 200 and len(rewards["results"][0]["steps"]) == 2
    assert saw["rewards"]["headers"]["x-request-id"] == rewards["id"]
    assert saw["rewards"]["headers"]["server-timing"].startswith("queue")
    assert saw["rewards"]["headers"]["x-rewardd-errors"] == "0"
    assert saw["put"]["status"] == 200 and "embedding" in saw["put"]["text"]
    assert saw["roles"]["headers"]["x-rewardd-roles"] == "system_dropped=1, turns_folded=0"
    assert saw["sdk"]["status"] == 200 and saw["sdk"]["headers"]["x-request-id"] == "page-1"
    assert saw["probe"]["text"] == "ready\n"


def test_a_page_reads_a_stream(seen):
    stream = seen[0]["stream"]
    assert stream["status"] == 200 and stream["pieces"] >= 1
    assert '"done"' in stream["text"] or "event: done" in stream["text"]


@pytest.mark.parametrize(
    ("name", "status", "says"),
    [
        ("wrong", 400, "promt"),
        ("no_key", 401, "unauthorized"),
        ("bad_key", 401, "unauthorized"),
        ("nothing", 404, "not_found"),
        ("method", 405, "method_not_allowed"),
        ("media", 415, "unsupported_media"),
        ("dialect", 400, "input"),
    ],
)
def test_a_page_reads_what_went_wrong(seen, name, status, says):
    """Without the header on refusals a page sees a network error, and its author no reason."""
    got = seen[0][name]
    assert got.get("status") == status, got
    assert says in got["text"]


def test_a_page_of_another_origin_reads_nothing(seen):
    for name, got in seen[1].items():
        assert got == "error" if name == "event_source" else "failed" in got, (name, got)
