"""Scores traces with rewardd itself over loopback: the same packages, an order of magnitude faster
than transformers on a CPU."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

BATCH = 200
START_LIMIT_S = 30.0


class Daemon:
    """A rewardd with one package on a free loopback port."""

    def __init__(self, binary: Path, folder: Path, threads: int) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [
            str(binary),
            "--listen",
            f"127.0.0.1:{self.port}",
            "--model",
            str(folder),
            "--threads",
            str(threads),
            "--log-level",
            "error",
        ]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        begin = time.monotonic()
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() - begin > START_LIMIT_S:
                raise RuntimeError("rewardd did not become ready")
            time.sleep(0.05)

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as reply:
                return reply.status == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def post(self, body: dict) -> dict:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/v1/rewards",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=600) as reply:
            return json.load(reply)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


class Served:
    """The interface of `score.Package`: step probabilities (prm) or one probability (orm); nan
    where there is no score. Of an over-long trace the steps that fit are scored. `checked`: steps
    from the first false equation on have 0, as in `process.checked` of the reply."""

    checked = False

    def __init__(self, binary: Path, folder: Path, kind: str, threads: int) -> None:
        self.daemon, self.kind = Daemon(binary, folder, threads), kind

    def scores(self, traces: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        out: list[list[float]] = []
        for at in range(0, len(traces), BATCH):
            part = traces[at : at + BATCH]
            reply = self.daemon.post(
                {
                    "overlong": "drop_steps" if self.kind == "prm" else "error",
                    "checked": self.checked,
                    "items": [{"prompt": q, "trace": {"steps": list(steps)}} for q, steps in part],
                }
            )
            out += [
                self.one(result, len(steps)) for result, (_, steps) in zip(reply["results"], part)
            ]
        return out

    def one(self, result: dict, count: int) -> list[float]:
        if self.kind == "orm":
            return [number((result.get("outcome") or {}).get("reward"))]
        rewards = [number(step["reward"]) for step in result.get("steps") or []]
        first = (result["process"].get("checked") or {}).get("step")
        if first is not None:
            rewards[first:] = [0.0] * len(rewards[first:])
        return rewards + [float("nan")] * (count - len(rewards))


def number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
