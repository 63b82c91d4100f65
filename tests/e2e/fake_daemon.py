"""A daemon for one test: started on a free port, stopped at the end, its metrics as a dict."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

BUILD = os.environ.get("REWARDD_BUILD", "")
FAKE = os.environ.get("REWARDD_FAKE_BIN") or (BUILD and f"{BUILD}/server/rewardd-fake") or ""
VECTORS = Path(__file__).resolve().parents[1] / "vectors"

TRACE = {"prompt": "What is 2 + 3 * 4?", "trace": {"steps": ["3 * 4 = 12", "2 + 12 = 15"]}}


class Daemon:
    def __init__(
        self,
        *options,
        models=("process", "outcome"),
        binary=FAKE,
        env=None,
        wait=True,
        preexec=None,
    ):
        words = [binary, "--log-level", "warn"]
        if "--listen" not in options:
            words += ["--listen", "127.0.0.1:0"]
        for model in models:
            words += ["--model", model]
        self.process = subprocess.Popen(
            words + list(options),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
            preexec_fn=preexec,
        )
        self.port = None
        self.banner = []
        if wait:
            self.wait_ready()

    def wait_ready(self):
        for line in self.process.stdout:
            self.banner.append(line.rstrip("\n"))
            found = re.match(r"listen\s+http://127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found.group(1))
            if line.startswith("ready in "):
                return
        raise RuntimeError(f"no ready line: {self.banner} {self.process.stderr.read()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=10)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def connect(self, timeout=10):
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def metrics(self):
        values = {}
        body = self.ask(b"GET /metrics HTTP/1.0\r\n\r\n").split(b"\r\n\r\n", 1)[1].decode()
        for line in body.splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name] = float(value)
        return values

    def ask(self, request, timeout=10):
        """Raw bytes in, everything until the end of the connection out."""
        with self.connect(timeout) as s:
            s.sendall(request)
            return read_all(s)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout=10):
        return self.process.wait(timeout)

    def rss(self, name="VmRSS:"):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no " + name)


def read_all(s):
    parts = []
    try:
        while piece := s.recv(65536):
            parts.append(piece)
    except ConnectionResetError:
        parts.append(b"<reset>")
    return b"".join(parts)


def post(body, path="/v1/rewards", headers=(), close=True):
    """The bytes of a POST."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    head = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    if close:
        head.append("Connection: close")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def status(reply):
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", reply)
    return int(found.group(1)) if found else None


def body_of(reply):
    return reply.split(b"\r\n\r\n", 1)[1]


def error_of(reply):
    return json.loads(body_of(reply))["error"]


def read_reply(s, buffered=b""):
    """One reply with a Content-Length from a connection that stays open: (reply, rest)."""
    while b"\r\n\r\n" not in buffered:
        piece = s.recv(65536)
        assert piece, buffered
        buffered += piece
    head, rest = buffered.split(b"\r\n\r\n", 1)
    length = int(re.search(rb"Content-Length: (\d+)", head).group(1))
    while len(rest) < length:
        piece = s.recv(65536)
        assert piece
        rest += piece
    return head + b"\r\n\r\n" + rest[:length], rest[length:]


def wait_for(condition, seconds=5):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def server():
    """One daemon with the fake engine for the tests of a file that do not harm it."""
    if not os.access(FAKE, os.X_OK):
        pytest.skip("REWARDD_BUILD or REWARDD_FAKE_BIN does not lead to rewardd-fake")
    with Daemon() as running:
        yield running
        assert running.process.poll() is None, "the daemon died"


@pytest.fixture
def start():
    """Starts daemons with options of their own."""
    if not os.access(FAKE, os.X_OK):
        pytest.skip("REWARDD_BUILD or REWARDD_FAKE_BIN does not lead to rewardd-fake")
    running = []

    def make(*options, **named):
        running.append(Daemon(*options, **named))
        return running[-1]

    yield make
    for one in running:
        one.__exit__()
