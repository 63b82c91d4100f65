"""OpenRLHF needs no code of ours: --reward.remote_url http://HOST:7392/get_reward (before 0.10.2
--remote_rm_url). `python -m rewardd.openrlhf` prints that address with the options that the
environment sets.

The same by a function, for those who want the client's retries and keys: `python -m
rewardd.openrlhf --file` prints the file to give instead of an address.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from rewardd import _calls, _glue, _wire


def url() -> str:
    """The address for --reward.remote_url, with the options that the environment sets."""
    base = (os.environ.get("REWARDD_URL") or _wire.DEFAULT_URL).rstrip("/")
    return base + _glue.wire_path("/get_reward")


def reward_func(
    queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any], **_: Any
) -> dict[str, Any]:
    """OpenRLHF's custom reward function: rewards, scores and extra_logs as tensors."""
    torch: Any = import_module("torch")
    body: dict[str, Any] = {
        "query": list(queries),
        "prompts": list(prompts),
        "labels": [_glue.reference_of(label) for label in labels],
    }
    path = _glue.wire_path("/get_reward")
    reply = _glue.shared_client()._do(_calls.wire(path, body, body["prompts"][:1]))

    def tensor(values: Any) -> Any:
        return torch.tensor(values, dtype=torch.float32)

    return {
        "rewards": tensor(reply["rewards"]),
        "scores": tensor(reply["scores"]),
        "extra_logs": {name: tensor(values) for name, values in reply["extra_logs"].items()},
    }


if __name__ == "__main__":
    print(__file__ if "--file" in sys.argv[1:] else url())
