"""AReaL: reward_fn="rewardd.areal.reward_fn".

AReaL runs it in a process pool, waits 15 s, tries four times, and takes 0 for a time-out (any other
failure it raises): so this answers or raises before that limit.
"""

from __future__ import annotations

import time
from typing import Any

from . import _calls, _glue, _wire
from ._types import RewardUnavailable, TraceError
from .client import Client

DEADLINE_S = 12.0
RETRIES = 4

_client: Client | None = None


def reward_fn(
    prompt: Any, completions: str, prompt_ids: Any = None, completion_ids: Any = None, **row: Any
) -> float:
    """The row's `messages` are the prompt, else `prompt`: text in the policy's chat template, which
    the daemon undoes. The row's answer column is the reference, `index` its number. AReaL tells its
    rewards no step, so there is one only where the row has it (`step`, `global_step`)."""
    global _client
    if _client is None:
        _client = Client(timeout=DEADLINE_S / 2, retries=0)
    given = _glue.plain(row.get("messages")) or prompt
    if not isinstance(given, str):
        given = _glue.messages_of(given)
    body = {"prompt": given, "response": completions, "label": _glue.answer_of(row)}
    run = _glue.labels(step=_glue.step_of(row), sample_index=_glue.sample_of(row))
    call = _calls.wire(_glue.wire_path("/compat/slime", run, bare="1"), body, given)
    end = time.monotonic() + DEADLINE_S / 2
    for attempt in range(RETRIES + 1):
        try:
            reward = _client._do(call)
            break
        except RewardUnavailable as error:
            pause = 0.25 * 2**attempt
            again = error.status == 0 or error.status in _wire.RETRY_STATUS
            if attempt == RETRIES or not again or time.monotonic() + pause > end:
                raise
            time.sleep(pause)
    if isinstance(reward, bool) or not isinstance(reward, (int, float)):
        raise RewardUnavailable(TraceError("no_reward", f"not a reward: {reward!r}"), 200)
    return float(reward)
