"""How long a refusal takes, beside what an idle daemon's probe takes at the same moment.

    python tests/bench/refusals.py REWARDD [MODEL...] [--requests 2000]

A daemon with room for few tokens is kept full by --width clients that ask again at once; then
requests come one by one, each on a connection of its own, in turn with a probe of an idle daemon
(the fake engine, REWARDD-fake): the difference is ours, the rest is the machine's."""

import argparse
import http.client
import json
import os
import threading
import time

from loop_stall import MODELS, ask, post, start, worst

BODY = json.dumps({"prompt": "What is 2 + 3?", "traces": [{"steps": ["2 + 3 = 5"] * 40}] * 16})


def refuse(port):
    """(seconds, status, has Retry-After)"""
    begin = time.monotonic()
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    c.request("POST", "/v1/rewards", BODY, {"Content-Type": "application/json"})
    reply = c.getresponse()
    reply.read()
    took = time.monotonic() - begin
    c.close()
    return took, reply.status, reply.getheader("Retry-After") is not None


def keep_full(port, stop):
    while not stop.is_set():
        post(port, BODY.encode(), [])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rewardd")
    parser.add_argument("models", nargs="*")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--width", type=int, default=4)
    args = parser.parse_args()
    models = args.models or sorted(p for p in MODELS.iterdir() if (p / "config.json").exists())
    binary = os.path.abspath(args.rewardd)
    process, port = start(binary, models, "--queue-tokens", "5000", "--queue-seconds", "0s")
    idle, idle_port = start(binary + "-fake", ["process"])
    stop = threading.Event()
    for _ in range(args.width):
        threading.Thread(target=keep_full, args=(port, stop), daemon=True).start()
    refused, probes, answered, without = [], [], 0, 0
    for _ in range(args.requests):
        took, status, retry = refuse(port)
        if status == 429:
            refused.append(took)
            without += not retry
        else:
            answered += status == 200
        begin = time.monotonic()
        ask(idle_port, "/livez")
        probes.append(time.monotonic() - begin)
    stop.set()
    process.kill()
    idle.kill()
    print(
        f"{len(refused)} refused, {without} without Retry-After, {answered} answered: "
        f"{worst(refused)}   idle probe {worst(probes)}"
    )


if __name__ == "__main__":
    main()
