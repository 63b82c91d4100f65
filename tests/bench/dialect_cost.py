"""What a dialect costs over /v1/rewards: the same samples by both doors, one after another.

    REWARDD_BIN=build/server/rewardd python tests/bench/dialect_cost.py [--rounds N]

A body of 16 samples (two models, no flags, no prefix cache) goes to /v1/rewards and to every
dialect that takes several samples, in turn, so that what else the machine does falls on all alike.
Shown: the median over the rounds of each dialect's CPU time of the daemon over that of /v1/rewards
in the same round, and of its wall time.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "e2e"))

from daemon import Daemon  # noqa: E402

MODELS = [TOP / "deploy" / "models" / name for name in ("rewardd-prm-small", "rewardd-orm-small")]
SAMPLES = 16
STEPS = ["First we add {0} and {1}.", "{0} + {1} = {2}.", "So the answer is {2}, which we check."]


def samples(round_number: int) -> list[tuple[str, str]]:
    out = []
    for i in range(SAMPLES):
        a, b = 100 + i, 1000 + round_number
        text = "\n\n".join(step.format(a, b, a + b) for step in STEPS * 2)
        out.append((f"What is {a} plus {b}? Think step by step.", text))
    return out


def bodies(pairs: list[tuple[str, str]]) -> dict[str, tuple[str, dict]]:
    items = [{"prompt": question, "trace": text} for question, text in pairs]
    opened = [f"<|im_start|>user\n{q}<|im_end|>\n<|im_start|>assistant\n" for q, _ in pairs]
    whole = [prompt + text for prompt, (_, text) in zip(opened, pairs, strict=True)]
    inputs = [
        {"name": "prompt", "data": [question for question, _ in pairs]},
        {"name": "response", "data": [text for _, text in pairs]},
    ]
    process, outcome = {"outcome_model": None}, {"model": None}
    return {
        "both": ("/v1/rewards", {"items": items, "flags": "off"}),
        "openrlhf": ("/get_reward?flags=off", {"query": whole, "prompts": opened}),
        "llamafactory": ("/v1/score/evaluation", {"messages": whole}),
        "predict": ("/predict", {"inputs": whole}),
        "process": ("/v1/rewards", {"items": items, "flags": "off", **process}),
        "fastchat": ("/worker_reward_inference", {"input_str": whole}),
        "outcome": ("/v1/rewards", {"items": items, "flags": "off", **outcome}),
        "kserve": ("/v2/models/rewardd-orm-small/infer", {"inputs": inputs}),
    }


BESIDE = {
    "openrlhf": "both",
    "llamafactory": "both",
    "predict": "both",
    "fastchat": "process",
    "kserve": "outcome",
}


def cpu_seconds(pid: int) -> float:
    """Of all its threads, in nanoseconds and not in ticks."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def ask(daemon: Daemon, path: str, data: bytes) -> tuple[float, float]:
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=300)
    cpu, begin = cpu_seconds(daemon.process.pid), time.monotonic()
    connection.request("POST", path, data, {"Content-Type": "application/json"})
    reply = connection.getresponse()
    text = reply.read()
    took = time.monotonic() - begin
    if reply.status != 200:
        raise SystemExit(f"{path}: {reply.status} {text[:300]!r}")
    connection.close()
    return cpu_seconds(daemon.process.pid) - cpu, took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    cpu: dict[str, list[float]] = {}
    wall: dict[str, list[float]] = {}
    with Daemon(MODELS, "--prefix-cache", "0") as daemon:
        daemon.wait_ready()
        for number in range(rounds + 1):
            taken = {}
            order = list(bodies(samples(number)).items())
            for name, (path, body) in order[number % 2 :] + order[: number % 2]:
                taken[name] = ask(daemon, path, json.dumps(body).encode())
            for name, beside in BESIDE.items():
                if number > 0:  # the first round warms up
                    cpu.setdefault(name, []).append(taken[name][0] / taken[beside][0])
                    wall.setdefault(name, []).append(taken[name][1] / taken[beside][1])
    print(f"over /v1/rewards, median of {rounds}")
    print(f"{'dialect':14} {'beside':9} {'CPU':>7} {'wall':>7}")
    for name, beside in BESIDE.items():
        ratios = [statistics.median(figures[name]) - 1 for figures in (cpu, wall)]
        print(f"{name:14} {beside:9} {ratios[0]:+7.1%} {ratios[1]:+7.1%}")


if __name__ == "__main__":
    main()
