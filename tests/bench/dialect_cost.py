"""What a dialect costs over /v1/rewards: the same samples by both doors, one after another.

    REWARDD_BIN=build/server/rewardd python tests/bench/dialect_cost.py [--rounds N] [NAME...]

The same 16 samples (no flags, no prefix cache) go to /v1/rewards and to every wire of
proto/wires.def: in one body where the wire takes several, else in as many bodies as it needs, and
then in as many bodies to /v1/rewards too, with the same models, the same prompts and the same
texts. The two take turns in going first, so that what else the machine does falls on both alike.
Shown: the median over the rounds of each dialect's CPU time of the daemon (and of its wall time)
over that of /v1/rewards in the same round, with its standard error. A wire that is not measured
here fails the run.
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import re
import statistics
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

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


class Compared(NamedTuple):
    """The same work by both doors: bodies to the wire, bodies to /v1/rewards."""

    path: str
    wire: list[Any]
    native: list[Any]


def item(question: str, text: str) -> dict[str, Any]:
    return {"prompt": question, "trace": text}


def group(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Traces of one prompt."""
    return {"prompt": pairs[0][0], "traces": [text for _, text in pairs]}


def chat(question: str, text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": text}]


def marked(text: str) -> str:
    """In the small outcome model's own template, which /v1/rewards lays out by itself."""
    return "".join(f"{step}<|step|>" for step in text.split("\n\n")) + "<|end|>"


def turns(question: str, text: str) -> list[dict[str, str]]:
    first, *steps = text.split("\n\n")
    out = [{"role": "user", "content": f"{question}\n\n{first}"}]
    for step in steps:
        out += [{"role": "assistant", "content": "+"}, {"role": "user", "content": step}]
    return out


def comparisons(pairs: list[tuple[str, str]]) -> dict[str, Compared]:
    opened = [f"<|im_start|>user\n{q}<|im_end|>\n<|im_start|>assistant\n" for q, _ in pairs]
    whole = [prompt + text for prompt, (_, text) in zip(opened, pairs, strict=True)]
    plain = [f"Question: {q} Answer: {text}" for q, text in pairs]
    raw = [f"{q}<|question|>{marked(text)}" for q, text in pairs]
    inputs = [
        {"name": "prompt", "data": [question for question, _ in pairs]},
        {"name": "response", "data": [text for _, text in pairs]},
    ]
    texts = [text for _, text in pairs]
    off = {"flags": "off"}
    process, outcome = {**off, "outcome_model": None}, {**off, "model": None}
    every = [item(*pair) for pair in pairs]

    def one_by_one(options: dict[str, Any]) -> list[Any]:
        return [{"items": [one], **options} for one in every]

    return {
        "openrlhf": Compared(
            "/get_reward?flags=off",
            [{"query": whole, "prompts": opened}],
            [{"items": every, **off}],
        ),
        "slime": Compared(
            "/compat/slime?flags=off",
            [{"prompt": p, "response": t} for p, t in zip(opened, texts, strict=True)],
            one_by_one(off),
        ),
        "pooling": Compared(
            "/pooling", [{"messages": chat(*pair)} for pair in pairs], one_by_one(process)
        ),
        "classify": Compared(
            "/classify", [{"messages": chat(*pair)} for pair in pairs], one_by_one(outcome)
        ),
        "embeddings": Compared(
            "/v1/embeddings",
            [{"input": raw, "model": "rewardd-orm-small"}],
            [{"items": every, **outcome}],
        ),
        "llamafactory": Compared(
            "/v1/score/evaluation", [{"messages": whole}], [{"items": every, **outcome}]
        ),
        "rerank": Compared(
            "/rerank",
            [{"query": pairs[0][0], "documents": texts}],
            [{"items": [group(pairs)], **outcome}],
        ),
        "score": Compared(
            "/score",
            [{"queries": [q for q, _ in pairs], "documents": texts}],
            [{"items": every, **outcome}],
        ),
        "rlhflow": Compared(
            "/v1/chat/completions",
            [{"messages": turns(*pair), "max_tokens": 1} for pair in pairs],
            one_by_one(process),
        ),
        "predict": Compared("/predict", [{"inputs": whole}], [{"items": every, **outcome}]),
        "kserve": Compared(
            "/v2/models/rewardd-orm-small/infer",
            [{"inputs": inputs}],
            [{"items": every, **outcome}],
        ),
        "fastchat": Compared(
            "/worker_reward_inference", [{"input_str": plain}], [{"items": every, **process}]
        ),
        "fastchat_value": Compared(
            "/worker_value_inference", [{"input_str": plain}], [{"items": every, **process}]
        ),
    }


def wires() -> list[str]:
    text = (TOP / "proto" / "wires.def").read_text()
    return [name.lower() for name in re.findall(r"^RW_WIRE\(RW_WIRE_(\w+)\)", text, re.M)]


def cpu_seconds(pid: int) -> float:
    """Of all its threads, in nanoseconds and not in ticks."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def ask(daemon: Daemon, path: str, bodies: list[bytes]) -> tuple[float, float]:
    """CPU and wall seconds, on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=300)
    connection.connect()
    cpu, begin = cpu_seconds(daemon.process.pid), time.monotonic()
    for body in bodies:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        text = reply.read()
        if reply.status != 200:
            raise SystemExit(f"{path}: {reply.status} {text[:300]!r}")
    took = time.monotonic() - begin
    connection.close()
    return cpu_seconds(daemon.process.pid) - cpu, took


def measure(daemon: Daemon, rounds: int, names: list[str]) -> dict[str, list[tuple[float, float]]]:
    """For each wire and round the ratios of CPU and wall time."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for number in range(rounds + 1):
        every = comparisons(samples(number))
        for at, name in enumerate(names):
            one = every[name]
            doors = {
                one.path: [json.dumps(body).encode() for body in one.wire],
                "/v1/rewards": [json.dumps(body).encode() for body in one.native],
            }
            order = list(doors) if (number + at) % 2 == 0 else list(doors)[::-1]
            taken = {path: ask(daemon, path, doors[path]) for path in order}
            wire, native = taken[one.path], taken["/v1/rewards"]
            if number > 0:  # the first round warms up
                found[name].append((wire[0] / native[0], wire[1] / native[1]))
    return found


def shown(values: list[float]) -> str:
    """Median, and the standard error of a median (1.25 times that of a mean)."""
    error = 1.25 * statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{statistics.median(values) - 1:+7.1%} ± {error:.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    known = set(comparisons(samples(0)))
    if known != set(wires()):
        raise SystemExit(f"wires that are not measured: {sorted(known ^ set(wires()))}")
    with Daemon(MODELS, "--prefix-cache", "0") as daemon:
        daemon.wait_ready()
        found = measure(daemon, given.rounds, given.names or wires())
    print(f"over /v1/rewards, median of {given.rounds}")
    print(f"{'dialect':15} {'CPU':>15} {'wall':>15}")
    for name, ratios in found.items():
        cpu, wall = zip(*ratios, strict=True)
        print(f"{name:15} {shown(list(cpu)):>15} {shown(list(wall)):>15}")


if __name__ == "__main__":
    main()
