"""How long a refusal takes, beside what an idle daemon's probe takes at the same moment.

    python tests/bench/refusals.py REWARDD [MODEL...] [--requests 2000] [--width 9]

A daemon with room for 5,000 tokens has --width clients that score texts of their own, about 500
tokens each, one after the other: with 9 it is nearly full all the time, with 4 about half. Beside
them requests of more than 5,000 tokens come one by one from another address, each on a connection
of its own, in turn with a probe of an idle daemon (the fake engine, REWARDD-fake): the difference
is ours, the rest is the machine's. Nearly all are refused: where it is nearly full, by their bytes
alone; where it is half full, after they were parsed. A few may be answered, when every client is
between two requests."""

import argparse
import asyncio
import http.client
import itertools
import json
import os
import threading
import time

from loop_stall import MODELS, ask, start, worst
from overload import post as score

BODY = json.dumps({"prompt": "What is 2 + 3?", "traces": [{"steps": ["2 + 3 = 5"] * 40}] * 16})
STEPS = 10


def refuse(port):
    """(seconds, status, has Retry-After)"""
    begin = time.monotonic()
    c = http.client.HTTPConnection("127.0.0.1", port, 60, ("127.0.0.9", 0))
    c.request("POST", "/v1/rewards", BODY, {"Content-Type": "application/json"})
    reply = c.getresponse()
    reply.read()
    took = time.monotonic() - begin
    c.close()
    return took, reply.status, reply.getheader("Retry-After") is not None


class Crowd(threading.Thread):
    """Clients that ask again as soon as they are answered."""

    def __init__(self, port, width):
        super().__init__(daemon=True)
        self.port, self.width, self.stop, self.seen = port, width, False, {}

    async def client(self, source):
        while not self.stop:
            status, _, _ = await score(self.port, STEPS, source)
            self.seen[status] = self.seen.get(status, 0) + 1

    async def all(self):
        await asyncio.gather(*[self.client(f"127.0.0.{1 + i % 8}") for i in range(self.width)])

    def run(self):
        asyncio.run(self.all())


def measure(port, idle_port, args):
    refused, probes, others, without = [], [], {}, 0
    for n in itertools.count():
        if len(refused) == args.requests or n == 10 * args.requests:
            break
        took, status, retry = refuse(port)
        if status == 429:
            refused.append(took)
            without += not retry
        else:
            others[status] = others.get(status, 0) + 1
        begin = time.monotonic()
        ask(idle_port, "/livez")
        probes.append(time.monotonic() - begin)
        time.sleep(args.pause)
    print(
        f"{len(refused)} refused, {without} without Retry-After, others {others}: "
        f"{worst(refused)}   idle probe {worst(probes)}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rewardd")
    parser.add_argument("models", nargs="*")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--width", type=int, default=9)
    parser.add_argument("--pause", type=float, default=0.005, help="seconds between them")
    args = parser.parse_args()
    models = args.models or sorted(p for p in MODELS.iterdir() if (p / "config.json").exists())
    binary = os.path.abspath(args.rewardd)
    process, port = start(binary, models, "--queue-tokens", "5000", "--queue-seconds", "0s")
    idle, idle_port = start(binary + "-fake", ["process"])
    crowd = Crowd(port, args.width)
    crowd.start()
    time.sleep(1)
    measure(port, idle_port, args)
    print(f"the crowd: {dict(sorted(crowd.seen.items()))}")
    process.kill()
    idle.kill()


if __name__ == "__main__":
    main()
