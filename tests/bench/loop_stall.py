"""How long a probe waits while large requests are scored.

    python tests/bench/loop_stall.py REWARDD [MODEL...] [--load NAME...]

Each load runs against a daemon of its own. Beside it /livez is asked on a new connection every
5 ms, and in turn with it a second daemon that has nothing to do (`idle`: the fake engine, where
REWARDD-fake lies beside REWARDD): what this client and a full machine add. `loop max` is the
daemon's own figure, rewardd_loop_stall_seconds_max, and `cpu` the most processor time of one round
of its loop: what it would be on a machine of its own. Then the daemon gets two signals while the
load may still run: how long until it has ended."""

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

MODELS = Path(__file__).parents[2] / "deploy/models"
LOG_LEVEL = os.environ.get("LOOP_STALL_LOG", "off")  # warn: the daemon names what it waited for
GIVE_UP_S = 40  # of the load of sixty requests, which is minutes of work


def body(traces, steps, text="2+3=5"):
    same = {"steps": [text] * steps}
    return json.dumps({"prompt": "What is 2 + 3 * 4?", "traces": [same] * traces}).encode()


LOADS = {
    "64x100": [body(64, 100)],
    "2000x10": [body(2000, 10)],
    "2048 words": [body(2048, 1, "word " * 700)],
    "300x300": [body(300, 300)],
    "60 of 300x300": [body(300, 300)] * 60,
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(port, path, timeout=120):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    c.request("GET", path)
    reply = c.getresponse()
    text = reply.read().decode()
    c.close()
    return reply.status, text


def start(binary, models, *options):
    port = free_port()
    command = [binary, "--listen", f"127.0.0.1:{port}", "--log-level", LOG_LEVEL]
    command += options
    for model in models:
        command += ["--model", str(model)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while True:
        try:
            if ask(port, "/readyz")[0] == 200:
                return process, port
        except OSError:
            pass
        time.sleep(0.05)


def post(port, text, replies):
    begin = time.monotonic()
    try:
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=GIVE_UP_S * 3)
        c.request("POST", "/v1/rewards", text, {"Content-Type": "application/json"})
        reply = c.getresponse()
        reply.read()
        replies.append((reply.status, time.monotonic() - begin))
    except OSError:
        replies.append((0, time.monotonic() - begin))


def probe(ports, waits, stop):
    while not stop.is_set():
        for port, seen in zip(ports, waits, strict=True):
            begin = time.monotonic()
            ask(port, "/livez")
            seen.append(time.monotonic() - begin)
        time.sleep(0.005)


def worst(waits):
    waits.sort()
    p50, p99 = 1e3 * waits[len(waits) // 2], 1e3 * waits[len(waits) * 99 // 100]
    return f"p50 {p50:.1f} p99 {p99:.1f} max {1e3 * waits[-1]:.0f} ms"


def run(name, binary, models):
    process, port = start(binary, models)
    fake = binary + "-fake"
    idle, idle_port = start(fake, ["process"]) if os.access(fake, os.X_OK) else (None, None)
    ports = [port] + ([idle_port] if idle else [])
    replies, waits, stop = [], [[] for _ in ports], threading.Event()
    prober = threading.Thread(target=probe, args=(ports, waits, stop))
    prober.start()
    clients = [
        threading.Thread(target=post, args=(port, b, replies), daemon=True) for b in LOADS[name]
    ]
    for c in clients:
        c.start()
    end = time.monotonic() + GIVE_UP_S
    for c in clients:
        c.join(max(0.0, end - time.monotonic()))
    stop.set()
    prober.join()
    page = ask(port, "/metrics")[1]
    figures = dict(x.rsplit(" ", 1) for x in page.splitlines() if not x.startswith("#"))
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.wait()
    good = [t for status, t in replies if status == 200]
    stall = 1e3 * float(figures["rewardd_loop_stall_seconds_max"])
    work = 1e3 * float(figures["rewardd_loop_cpu_seconds_max"])
    ended = 1e3 * (time.monotonic() - begin)
    if idle:
        idle.kill()
        idle.wait()
    print(
        f"{name:14} {len(good):2} of {len(LOADS[name]):2} in {max(good, default=0):5.1f} s   "
        f"/livez {worst(waits[0])}   {'idle ' + worst(waits[1]) if idle else ''}   "
        f"loop max {stall:.0f} ms (cpu {work:.0f})   ended in {ended:.0f} ms",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rewardd")
    parser.add_argument("models", nargs="*")
    parser.add_argument("--load", nargs="*", default=list(LOADS))
    args = parser.parse_args()
    models = args.models or sorted(p for p in MODELS.iterdir() if (p / "config.json").exists())
    for name in args.load:
        run(name, os.path.abspath(args.rewardd), models)


if __name__ == "__main__":
    main()
