"""slime and miles: --custom-rm-path rewardd.slime.reward --reward-key reward
                 --custom-reward-post-process-path rewardd.slime.post_process

Without any of our code, --rm-type remote_rm --rm-url http://HOST:7392/compat/slime
--reward-key reward does the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Union, cast

from . import _calls, _glue
from ._options import Run
from ._types import RewarddError, TraceError

Samples = Union[Any, Sequence[Any]]


def _labels(args: Any, sample: Any) -> Run | None:
    """The step is the version of the weights that wrote the response, where the engine says it,
    else the rollout that the group was drawn for. Only samples of an evaluation have no group."""
    versions = getattr(sample, "weight_versions", None) or [""]
    drawn, group = getattr(args, "rollout_batch_size", None), getattr(sample, "group_index", None)
    number = getattr(sample, "index", None)
    step = int(versions[-1]) if str(versions[-1]).isdecimal() else None
    if step is None and group is not None and drawn:
        step = group // drawn
    if group is None and number is not None:
        return _glue.labels(step=step, sample_index=number, validate=True)
    size = getattr(args, "n_samples_per_prompt", None)
    return _glue.labels(step=step, sample_index=number, rollout_n=size)


async def _one(args: Any, sample: Any) -> dict[str, Any]:
    prompt = sample.prompt
    if not isinstance(prompt, str):
        prompt = _glue.messages_of(_glue.plain(prompt))
    label = _glue.reference_of(sample.label)
    body = {"prompt": prompt, "response": sample.response, "label": label}
    path = _glue.wire_path("/compat/slime", _labels(args, sample))
    call = _calls.wire(path, body, prompt)
    told = cast("dict[str, Any]", await _glue.shared_async_client()._do(call))
    if not isinstance(told.get("reward"), (int, float)):  # slime would train on what it finds
        raise RewarddError(TraceError("no_reward", f"the reply holds no reward: {told}"), 200)
    return told


async def reward(args: Any, sample: Samples, **_: Any) -> Any:
    """The reward of a sample (or of each of a group, --group-rm) as a dict: --reward-key reward
    picks the number, the rest goes into the sample. The prompt may be in the policy's chat
    template: the daemon undoes it. What cannot be scored raises; slime would take a null for the
    reward."""
    if isinstance(sample, (list, tuple)):
        return list(await asyncio.gather(*(_one(args, one) for one in sample)))
    return await _one(args, sample)


def post_process(args: Any, samples: Sequence[Any], **_: Any) -> tuple[list[float], list[float]]:
    """Raw rewards, and rewards less the mean of their group: slime's own rule for GRPO."""
    key = getattr(args, "reward_key", None) or "reward"
    raw = [float(s.reward[key] if isinstance(s.reward, dict) else s.reward) for s in samples]
    size = max(1, int(getattr(args, "n_samples_per_prompt", 1)))
    out: list[float] = []
    for first in range(0, len(raw), size):
        part = raw[first : first + size]
        mean = sum(part) / len(part)
        centred = [value - mean for value in part]
        if getattr(args, "grpo_std_normalization", False) and len(part) > 1:
            deviation = (sum(value * value for value in centred) / (len(part) - 1)) ** 0.5
            centred = [value / (deviation + 1e-6) for value in centred]
        out.extend(centred)
    return raw, out
