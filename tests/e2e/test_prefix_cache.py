"""The prefix cache through the wire: the same rewards for less, and it says so."""

import os
import urllib.request

import pytest
from daemon import Daemon

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODELS = [
    os.path.join(ROOT, "deploy", "models", name)
    for name in ("rewardd-prm-small", "rewardd-orm-small")
]
pytestmark = pytest.mark.skipif(
    "REWARDD_BIN" not in os.environ, reason="REWARDD_BIN does not name rewardd"
)
PROMPT = "A baker sells rolls. " + " ".join(
    f"On day {d} he sells {d * 7 % 31} rolls." for d in range(60)
)


def group(n_steps):
    steps = [f"{i} + {i} = {2 * i}." for i in range(n_steps)]
    return {
        "prompt": PROMPT,
        "traces": [{"steps": [f"Let us begin with {t}."] + steps} for t in range(16)],
    }


def rewards(reply):
    return [
        [(s["reward"], s["raw"]) for s in r["steps"]] + [r["outcome"]] for r in reply["results"]
    ]


def metric(daemon, name):
    with urllib.request.urlopen(daemon.url + "/metrics", timeout=10) as reply:
        lines = reply.read().decode().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(name + " ")))


def test_groups_and_growing_traces():
    with Daemon(MODELS, "--prefix-cache", "0") as cold, Daemon(MODELS) as warm:
        cold.wait_ready()
        warm.wait_ready()
        whole = cold.post("/v1/rewards", group(6))
        assert whole["usage"]["cached_tokens"] == 0
        first = warm.post("/v1/rewards", group(6))
        assert rewards(first) == rewards(whole)
        tokens = whole["usage"]["scored_tokens"]
        assert first["usage"]["scored_tokens"] + first["usage"]["cached_tokens"] == tokens
        assert first["usage"]["scored_tokens"] < tokens / 4  # one prompt instead of sixteen
        assert first["usage"]["flops"] < whole["usage"]["flops"] / 4
        again = warm.post("/v1/rewards", group(6))
        assert rewards(again) == rewards(whole)
        assert again["usage"]["scored_tokens"] == 0 and again["usage"]["cached_tokens"] == tokens
        longer = warm.post("/v1/rewards", group(7))
        assert rewards(longer) == rewards(cold.post("/v1/rewards", group(7)))
        # One more step of some 10 tokens, and the tokens behind the last one, for 16 traces and two
        # models.
        assert longer["usage"]["scored_tokens"] <= 16 * 2 * 16
        assert metric(warm, "rewardd_prefix_cache_hit_tokens_total") == metric(
            warm, "rewardd_cached_tokens_total"
        )
        assert (
            metric(warm, "rewardd_prefix_cache_blocks") > 0
            and metric(cold, "rewardd_prefix_cache_bytes") == 0
        )
