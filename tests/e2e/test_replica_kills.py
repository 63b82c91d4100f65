"""Replicas behind HAProxy, nginx and Envoy, with the configurations we ship, are killed under load:
no request is lost, and every reward is the one a lone daemon gives.

Here a few kills each; with REWARDD_LONG=1 twenty of one replica and twenty of both in turn, as
tests/bench/replica_kills.py does by itself."""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "bench"))

import replica_kills

LONG = bool(os.environ.get("REWARDD_LONG"))
KILLS = 20 if LONG else 3
MODES = ["one", "turns"] if LONG else ["turns"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("balancer", ["haproxy", "nginx", "envoy"])
def test_kills_lose_nothing(balancer, mode, models, rewardd_bin):
    if replica_kills.program(balancer) is None:
        pytest.skip(f"{balancer} is not installed")
    arguments = [rewardd_bin, *map(str, models), "--balancer", balancer, "--mode", mode]
    arguments += ["--kills", str(KILLS), "--between", "0.5"]
    answers, losses, _ = replica_kills.measure(replica_kills.parse(arguments))
    assert losses == []
    assert answers > 50 * KILLS
