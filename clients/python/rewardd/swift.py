"""ms-swift: --external_plugins $(python -m rewardd.swift) --reward_funcs rewardd

ms-swift adds up rewards with nansum, which makes a None a 0: a trace without reward raises instead.
It also puts the folder of a plugin in front of sys.path, where our trl.py and swift.py would hide
the packages of those names; so the plugin is a file in a folder of its own.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from . import _glue
from .trl import _asked

PLUGIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "plugins", "ms_swift.py")


def prompts_of(columns: dict[str, Any], count: int) -> list[Any]:
    """The conversations before the completions, which ms-swift has appended to them."""
    every = columns.get("messages")
    if every is None or len(every) != count:
        raise ValueError("ms-swift gave no messages: there is no prompt to score with")
    return [m[:-1] if m and m[-1].get("role") == "assistant" else m for m in map(list, every)]


class Rewardd:
    """A reward in ms-swift's words: completions and columns of the data set in, a number for each
    completion out."""

    def __init__(self, args: Any = None, **_: Any):
        self.args = args

    async def __call__(self, completions: Sequence[Any], **columns: Any) -> list[float]:
        prompts = prompts_of(columns, len(completions))
        options = _glue.environment_options()
        items, given = _asked(prompts, completions, options, None, columns)
        scores = await _glue.shared_async_client().score_items(items, **given)
        rewards = _glue.checked(scores, len(completions))
        return _glue.require(rewards, scores, "ms-swift takes None for 0")


def register() -> None:
    """Puts the reward into ms-swift's table under the name `rewardd`."""
    rewards: Any = import_module("swift.rewards")
    rewards.orms["rewardd"] = Rewardd


if __name__ == "__main__":
    print(PLUGIN)
