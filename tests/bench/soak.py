"""Whether a daemon that works for hours grows: resident memory and descriptors over time.

    python tests/bench/soak.py REWARDD [MODEL...] [--minutes 120] [--rate 5] [--warm 0.25]

One client asks --rate things a second in an order from --seed: traces, groups and batches in every
form, streams that are read, cut and gone on with, trainers' routes, runs with a database, answers,
pages, broken requests and connections that say nothing. After the first --warm of the time, when
caches and monitors are full, a straight line is put through the memory: its slope, the error of the
slope from blocks of samples (neighbours are not independent), and the fewest and most descriptors.
A reply that is not what its request deserves is unexpected, and the exit status is then 1."""

import argparse
import http.client
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from loop_stall import MODELS, free_port

SAMPLE_S = 5
BLOCKS = 10


class Soak:
    def __init__(self, port, seed):
        self.port, self.random = port, random.Random(seed)
        self.done, self.unexpected = {}, []

    def text(self):
        a, b = self.random.randrange(1000), self.random.randrange(1000)
        return f"{a} + {b} = {a + b + self.random.choice([0, 0, 1])}, so the sum is that."

    def traces(self, n):
        r = self.random
        return [{"steps": [self.text() for _ in range(r.randrange(1, 6))]} for _ in range(n)]

    def ask(self, method, path, body=None, expect=200, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        text = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, text, {**kind, **(headers or {})})
        reply = connection.getresponse()
        data = reply.read()
        connection.close()
        if reply.status != expect:
            self.unexpected.append((method, path, reply.status, data[:200]))
        return data

    def score(self, **more):
        prompt = f"What is {self.random.randrange(50)}?"
        n = self.random.choice([1, 1, 2, 8])
        return {"prompt": prompt, "traces": self.traces(n), **more}

    def one(self):
        self.ask("POST", "/v1/rewards", self.score())

    def flags(self):
        self.ask("POST", "/v1/rewards", self.score(flags="cheap", reference="42"))

    def batch(self):
        items = [{"prompt": self.text(), "traces": self.traces(2)} for _ in range(4)]
        self.ask("POST", "/v1/rewards", {"items": items})

    def run(self):
        run = {"id": f"run-{self.random.randrange(4)}", "step": self.random.randrange(1000)}
        self.ask("POST", "/v1/rewards", self.score(run=run))

    def table(self):
        self.ask("POST", "/v1/rewards", self.score(), headers={"Accept": "text/plain"})

    def lines(self):
        data = self.ask("POST", "/v1/rewards", self.score(stream=True))
        if json.loads(data.splitlines()[-1])["event"] != "done":
            self.unexpected.append(("lines", data[-200:]))

    def events(self):
        """Cut behind some event, and gone on with."""
        body = json.dumps(self.score())
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", "/v1/rewards", body, headers)
        reply, last = connection.getresponse(), ""
        for _ in range(self.random.randrange(1, 20)):
            line = reply.readline().decode()
            last = line[4:].strip() if line.startswith("id: ") else last
        connection.close()
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
        data = self.ask("POST", "/v1/rewards", body.encode(), headers=headers)
        if b"event: done" not in data:
            self.unexpected.append(("events", data[-200:]))

    def trainer(self):
        query = [f"What is 2 + 2? {self.text()}" for _ in range(2)]
        self.ask("POST", "/get_reward", {"query": query, "prompts": ["What is 2 + 2?"] * 2})

    def answers(self):
        item = {"text": self.text() + " The answer is 7.", "reference": "7"}
        self.ask("POST", "/v1/verify", {"items": [item]})

    def page(self):
        pages = ["/", "/livez", "/readyz", "/metrics", "/v1/models", "/v1/runs", "/openapi.json"]
        self.ask("GET", self.random.choice(pages))

    def wrong(self):
        self.ask("POST", "/v1/rewards", b'{"prompt":"a","traces":[{"steps":', 400)
        self.ask("GET", "/nowhere", expect=404)

    def broken(self):
        """A request that ends early, one that is no HTTP, and one that never begins."""
        for data in (
            b"POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
        ):
            self.throw(data)
        self.throw(b"\x16\x03\x01\x00 no HTTP\r\n\r\n")
        self.throw(b"")

    def throw(self, data):
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as s:
            s.sendall(data)
            time.sleep(0.01)

    def step(self):
        kinds = [self.one, self.one, self.flags, self.batch, self.run, self.run, self.table]
        kinds += [self.lines, self.events, self.events, self.trainer, self.answers]
        kinds += [self.page, self.wrong, self.broken]
        kind = self.random.choice(kinds)
        kind()
        self.done[kind.__name__] = self.done.get(kind.__name__, 0) + 1


def sample(pid):
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    resident = next(int(w.split()[1]) for w in status.splitlines() if w.startswith("VmRSS:"))
    return resident / 1024, len(os.listdir(f"/proc/{pid}/fd"))


def slope(points):
    """MB an hour, and its standard error from the spread of means of blocks around the line."""
    size = max(1, len(points) // BLOCKS)
    blocks = [points[i : i + size] for i in range(0, len(points) - size + 1, size)]
    x = [statistics.fmean(p[0] for p in b) / 3600 for b in blocks]
    y = [statistics.fmean(p[1] for p in b) for b in blocks]
    if len(x) < 3:
        return float("nan"), float("nan")
    line = statistics.linear_regression(x, y)
    rest = [b - line.intercept - line.slope * a for a, b in zip(x, y)]
    spread = sum((a - statistics.fmean(x)) ** 2 for a in x)
    return line.slope, (sum(e * e for e in rest) / (len(x) - 2) / spread) ** 0.5


def measure(args, process, port):
    soak, samples, took = Soak(port, args.seed), [], []
    begin = time.monotonic()
    n = 0
    while time.monotonic() - begin < 60 * args.minutes:
        time.sleep(max(0.0, begin + n / args.rate - time.monotonic()))
        n += 1
        at = time.monotonic()
        soak.step()
        took.append((at - begin, time.monotonic() - at))
        if not samples or at - begin - samples[-1][0] >= SAMPLE_S:
            samples.append((at - begin, *sample(process.pid)))
    kept = [s for s in samples if s[0] >= 60 * args.minutes * args.warm]
    mb, error = slope(kept)
    quarters = took[: n // 4], took[-(n // 4) :]
    p99 = [sorted(t for _, t in part)[int(0.99 * len(part))] for part in quarters]
    print(f"{n} operations in {args.minutes:g} min: {soak.done}")
    first, warm, last = samples[0][1], kept[0][1], kept[-1][1]
    print(f"memory     {first:.1f} MB at first, {warm:.1f} warm, {last:.1f} at last")
    print(f"slope      {mb:+.3f} MB/h, standard error {error:.3f}")
    print(f"fds        {min(s[2] for s in kept)} to {max(s[2] for s in kept)}, last {kept[-1][2]}")
    print(f"p99        {1e3 * p99[0]:.0f} ms in the first quarter, {1e3 * p99[1]:.0f} in the last")
    print(f"unexpected {len(soak.unexpected)} {soak.unexpected[:5]}")
    return 1 if soak.unexpected else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rewardd")
    parser.add_argument("models", nargs="*")
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--rate", type=float, default=5)
    parser.add_argument("--warm", type=float, default=0.25, help="share not counted")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--options", nargs="*", default=["kv-memory=64M"], help="without --")
    args = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="rewardd-soak-") as folder:
        command = [os.path.abspath(args.rewardd), "--listen", f"127.0.0.1:{port}"]
        command += ["--log-level", "off", "--runs-db", os.path.join(folder, "runs.sqlite")]
        for model in args.models or sorted(p.parent for p in MODELS.glob("*/config.json")):
            command += ["--model", str(model)]
        command += [f"--{o}" for o in args.options]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while True:
                try:
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                    connection.request("GET", "/readyz")
                    if connection.getresponse().status == 200:
                        break
                except OSError:
                    time.sleep(0.1)
            code = measure(args, process, port)
            process.send_signal(signal.SIGTERM)
            return code or process.wait(60)
        finally:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
