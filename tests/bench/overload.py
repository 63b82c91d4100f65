"""Goodput under ten times the load a daemon can bear, and how fast the rest is refused.

    python tests/bench/overload.py REWARDD [MODEL...] [--seconds 20] [--times 10] [--steps 10]

First the capacity: --width clients that ask again as soon as they are answered. Then requests come
at --times that rate, whatever becomes of the others (an open loop: clients do not slow down), each
on a connection of its own, from --addresses different loopback addresses. Every request has a text
of its own, so that the prefix cache answers none. Goodput is the answered requests per second, from
the first request to the last answer, against the capacity. The daemon and the clients have
processors of their own, half of them each: otherwise the clients, ten times as busy in the second
part, take what the daemon had in the first. What the machine itself lost on the
way (operations per CPU second of the compute team, processors given to the daemon) is said beside
it: other programs and their caches count there, and not against refusing."""

import argparse
import asyncio
import itertools
import json
import os
import signal
import subprocess
import time

from loop_stall import MODELS, ask, free_port

number = itertools.count(1)


def request(steps):
    n = next(number)
    trace = [f"{n} + {i} = {n + i}, and that is step {i} of trace {n}." for i in range(steps)]
    body = json.dumps({"prompt": f"What is {n} + {steps}?", "trace": {"steps": trace}}).encode()
    head = (
        f"POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def post(port, steps, source="127.0.0.1"):
    """(status, seconds, has Retry-After)"""
    text = request(steps)
    begin = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    writer.write(text)
    reply = await reader.read(-1)
    writer.close()
    took = time.monotonic() - begin
    return int(reply[9:12] or b"0"), took, b"\r\nRetry-After: " in reply[:1000]


async def capacity(port, args):
    end = time.monotonic() + args.seconds
    done = 0

    async def client():
        nonlocal done
        while time.monotonic() < end:
            status, _, _ = await post(port, args.steps)
            done += status == 200

    begin = time.monotonic()
    await asyncio.gather(*[client() for _ in range(args.width)])
    return done / (time.monotonic() - begin)


async def flood(port, args, rate):
    begin = time.monotonic()
    tasks = []
    for i in range(int(rate * args.seconds)):
        await asyncio.sleep(max(0.0, begin + i / rate - time.monotonic()))
        source = f"127.0.0.{1 + i % args.addresses}"
        tasks.append(asyncio.create_task(post(port, args.steps, source)))
    replies = await asyncio.gather(*tasks)
    return replies, time.monotonic() - begin


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def cpu_seconds(pid):
    """User and system time of a process so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def looked(port, pid):
    """What the daemon has done so far: CPU seconds, those of its compute team, operations."""
    page = ask(port, "/metrics")[1]
    figures = dict(x.rsplit(" ", 1) for x in page.splitlines() if not x.startswith("#"))
    names = ("rewardd_cpu_seconds_total", "rewardd_flops_total")
    return [cpu_seconds(pid)] + [float(figures[name]) for name in names]


async def measure(port, pid, args):
    await capacity(port, argparse.Namespace(**{**vars(args), "seconds": 3}))  # warm
    quiet = min(20, args.seconds)
    begin = looked(port, pid)
    bearable = await capacity(port, argparse.Namespace(**{**vars(args), "seconds": quiet}))
    between = looked(port, pid)
    replies, seconds = await flood(port, args, args.times * bearable)
    end = looked(port, pid)
    good = [t for status, t, _ in replies if status == 200]
    refused = [t for status, t, _ in replies if status == 429]
    told = sum(retry for status, _, retry in replies if status == 429)
    first = [b - a for a, b in zip(begin, between, strict=True)]
    second = [b - a for a, b in zip(between, end, strict=True)]
    slower = (second[2] / second[1]) / (first[2] / first[1])
    goodput = len(good) / seconds / bearable
    print(f"capacity      {bearable:.1f} requests/s ({args.width} clients)")
    print(f"offered       {args.times * bearable:.1f} requests/s for {args.seconds} s")
    print(
        f"answered      {len(good)} in {seconds:.1f} s, p50 {percentile(good, 0.5):.2f} s, "
        f"p99 {percentile(good, 0.99):.2f} s"
    )
    print(f"goodput       {100 * goodput:.1f} %")
    print(
        f"  the machine did {slower:.3f} of the operations per CPU second that it did before, and "
        f"the daemon had {second[0] / seconds:.3f} processors, {first[0] / quiet:.3f} before"
    )
    print(
        f"  of its CPU time {100 * second[1] / second[0]:.1f} % were scoring, "
        f"{100 * first[1] / first[0]:.1f} % before; operations per answer "
        f"{second[2] / len(good) / (first[2] / (bearable * quiet)):.3f} of before"
    )
    print(f"goodput on a machine of one speed: {100 * goodput / slower:.1f} %")
    p50, p99 = 1e3 * percentile(refused, 0.5), 1e3 * percentile(refused, 0.99)
    print(f"refused       {len(refused)}, {told} with Retry-After, p50 {p50:.1f}, p99 {p99:.1f} ms")
    print(f"other         {len(replies) - len(good) - len(refused)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rewardd")
    parser.add_argument("models", nargs="*")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--times", type=float, default=10)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--addresses", type=int, default=4)
    parser.add_argument("--options", nargs="*", default=[], help="of the daemon, without --")
    args = parser.parse_args()
    port = free_port()
    command = [os.path.abspath(args.rewardd), "--listen", f"127.0.0.1:{port}", "--log-level", "off"]
    for model in args.models or sorted(p for p in MODELS.iterdir() if (p / "config.json").exists()):
        command += ["--model", str(model)]
    command += [f"--{o}" for o in args.options]
    processors = sorted(os.sched_getaffinity(0))
    half = max(1, len(processors) // 2)
    command += ["--threads", str(half)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    if len(processors) > 1:
        os.sched_setaffinity(process.pid, processors[:half])
        os.sched_setaffinity(0, processors[half:])
    try:
        while True:
            try:
                if ask(port, "/readyz")[0] == 200:
                    break
            except OSError:
                pass
            time.sleep(0.05)
        asyncio.run(measure(port, process.pid, args))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


if __name__ == "__main__":
    main()
