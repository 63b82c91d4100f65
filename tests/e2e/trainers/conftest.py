"""A daemon with the two small models, a proxy that fails on demand, and the table of what held."""

import os
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(TOP / "clients" / "python"))

import shelf  # noqa: E402
import table  # noqa: E402
from daemon import Daemon  # noqa: E402


@pytest.fixture(scope="session")
def small(rewardd_bin):
    """The default models: real weights, so that a right and a wrong trace differ."""
    with Daemon(shelf.SMALL) as daemon:
        yield daemon.wait_ready()


@pytest.fixture(scope="session")
def outcome_only(rewardd_bin):
    """The outcome model alone, for wires that name no model."""
    with Daemon(shelf.SMALL[1:]) as daemon:
        yield daemon.wait_ready()


@pytest.fixture
def glue(small, monkeypatch):
    """The glue's environment, and none of what an earlier test left."""
    import rewardd.areal
    from rewardd import _glue

    for name in [name for name in os.environ if name.startswith("REWARDD_")]:
        if name not in ("REWARDD_BIN", "REWARDD_BUILD", "REWARDD_CACHE", "REWARDD_LONG"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("REWARDD_URL", small.url)
    monkeypatch.setattr(_glue, "_client", None)
    monkeypatch.setattr(rewardd.areal, "_client", None)
    _glue._async_clients.clear()
    return monkeypatch


class Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.calls.append((self.path, body))
            status = self.server.plan.pop(0) if self.server.plan else None
        if status is not None:
            return self.answer(status, b'{"error":{"code":"scripted","message":"scripted"}}')
        url = self.server.behind + self.path
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, body, headers, method=self.command)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return self.answer(reply.status, reply.read())
        except urllib.error.HTTPError as refusal:
            return self.answer(refusal.code, refusal.read())

    do_PUT = do_POST

    def answer(self, status, body):
        self.server.replies.append((status, body))
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def proxy(small):
    """Passes everything on to the daemon and keeps what it saw; `plan` holds statuses to answer
    first, as a balancer in front would."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.handle_error = lambda *_: None  # a client that went away
    server.daemon_threads = True
    server.behind, server.plan, server.calls, server.replies = small.url, [], [], []
    server.lock = threading.Lock()
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def pytest_terminal_summary(terminalreporter):
    if table.ROWS:
        terminalreporter.section("trainers and clients")
        terminalreporter.write(table.text())
