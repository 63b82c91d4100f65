"""A scripted server: each test says what the next replies are."""

import json
import pathlib
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))


def result(item, trace, text):
    """A score that depends on the text, so that mixed-up orders are seen."""
    value = (sum(text.encode()) % 97) / 97
    step = {"index": 0, "reward": value, "raw": 0.5, "tokens": 3, "bytes": [0, 2], "chars": [0, 2]}
    error = {"code": "empty_trace", "message": "no step"} if text == "BAD" else None
    return {
        "item": item,
        "trace": trace,
        "error": error,
        "process": {"reward": None if error else value, "aggregate": "min", "error": None},
        "outcome": None,
        "split": True,
        "truncated": False,
        "steps": [] if error else [step],
        "flags": [],
    }


def text_of(trace):
    if isinstance(trace, dict):
        trace = trace.get("text") or trace["steps"]
    return trace if isinstance(trace, str) else "".join(trace)


def answer(request):
    items = request.get("items") or [request]
    results = []
    for i, item in enumerate(items):
        traces = item.get("traces") or [item["trace"]]
        results += [result(i, j, text_of(trace)) for j, trace in enumerate(traces)]
    return {"id": "r", "object": "rewards", "results": results, "usage": {"scored_tokens": 3}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.server.connections += 1

    def do_GET(self):
        if self.path.endswith("/events"):
            self.server.requests.append((self.path, None, dict(self.headers)))
            self.server.plan.pop(0)(self, None)
            return
        self.reply(200 if self.server.ready else 503, {"status": "x"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.requests.append((self.path, body, dict(self.headers)))
            plan = self.server.plan.pop(0) if self.server.plan else "score"
        if callable(plan):
            return plan(self, body)
        if plan == "drop":
            self.close_connection = True
            return self.connection.close()
        if plan == "score":
            return self.reply(200, answer(body))
        status, headers = plan
        error = {"error": {"code": f"code_{status}", "message": "m", "param": "p"}}
        return self.reply(status, error, headers)

    def reply(self, status, data, headers=()):
        body = json.dumps(data).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server():
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    httpd.plan, httpd.requests, httpd.connections = [], [], 0
    httpd.ready, httpd.lock = True, threading.Lock()
    httpd.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield httpd
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    from rewardd import _wire

    monkeypatch.setattr(_wire, "BACKOFF_FIRST_S", 0.001)
