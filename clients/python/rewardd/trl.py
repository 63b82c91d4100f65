"""TRL (and axolotl, unsloth on top of it): a reward function, by name or made with options.

trl grpo --reward_funcs rewardd.trl.reward ...                     (configured by environment)
GRPOTrainer(reward_funcs=[rewardd.trl.reward_function(client)])    (configured in Python)
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any, Callable

from . import _glue, _options
from ._glue import Prompt, group
from ._options import ManyOptions
from ._types import Score, Scores
from .client import Client

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["group", "reward", "reward_function"]

NONE_IS_LEFT_OUT_SINCE = (1, 6)  # before, TRL took a None for the reward 0


def _takes_none_for_zero() -> str | None:
    """Who does; None: the trainer leaves a None out of the mean. Without TRL nobody takes it for
    anything. axolotl (0.19.0) has trainers of its own, async and sequence parallel, that add
    rewards up with nansum; which of them runs, a reward is not told."""
    if "axolotl" in sys.modules:
        return "axolotl's own trainers take None for 0"
    return None if _trl_leaves_none_out() else "TRL before 1.6 takes None for 0"


def _trl_leaves_none_out() -> bool:
    version = getattr(sys.modules.get("trl"), "__version__", None)
    if version is None:
        try:
            version = metadata.version("trl")
        except metadata.PackageNotFoundError:
            return True
    parts = re.match(r"(\d+)\.(\d+)(.*)", str(version))
    if parts is None:
        return False
    number = (int(parts[1]), int(parts[2]))
    before = number == NONE_IS_LEFT_OUT_SINCE and "dev" in parts[3]
    return number >= NONE_IS_LEFT_OUT_SINCE and not before


def _log(scores: Sequence[Score], name: str, log_extra: Any, log_metric: Any) -> None:
    if log_extra is not None:
        steps = [" ".join("-" if r is None else f"{r:.2f}" for r in s.rewards) for s in scores]
        log_extra(f"{name}_steps", steps)
        log_extra(f"{name}_flags", [" ".join(s.fired) for s in scores])
        log_extra(f"{name}_error", [s.error.code if s.error else "" for s in scores])
    if log_metric is not None and scores:
        missing = sum(s.reward is None for s in scores)
        log_metric(f"{name}/missing_rate", missing / len(scores))
        log_metric(f"{name}/steps_mean", sum(len(s.steps) for s in scores) / len(scores))
        log_metric(f"{name}/flagged_rate", sum(bool(s.fired) for s in scores) / len(scores))
        known = [s.verified for s in scores if s.verified is not None]
        if known:
            log_metric(f"{name}/verified_rate", sum(known) / len(known))
        gaps = [
            s.outcome - s.process for s in scores if s.process is not None and s.outcome is not None
        ]
        if gaps:
            log_metric(f"{name}/orm_prm_gap", sum(gaps) / len(gaps))


def _asked(
    prompts: Sequence[Prompt],
    completions: Sequence[Prompt],
    options: ManyOptions,
    run_id: str | None,
    columns: dict[str, Any],
) -> tuple[list[dict[str, Any]], ManyOptions]:
    """The items of a call and its options. A column of answers becomes the references."""
    count = len(completions)
    answers, samples = _glue.answer_column(columns, count), _glue.sample_column(columns, count)
    items = group(prompts, completions, answers, samples)
    step = getattr(columns.get("trainer_state"), "global_step", None)
    own: dict[str, Any] = {**(options.get("run") or {})}
    run = _glue.labels(**{"step": step, **own, "id": run_id or own.get("id")})
    given: ManyOptions = {**options, "run": run}
    return items, given


def _told(scores: Scores, count: int, name: str, columns: dict[str, Any]) -> list[float | None]:
    rewards = _glue.checked(scores, count)
    _log(scores, name, columns.get("log_extra"), columns.get("log_metric"))
    why = _takes_none_for_zero() if None in rewards else None
    return rewards if why is None else list(_glue.require(rewards, scores, why))


def reward_function(
    client: Client,
    *,
    name: str = "rewardd",
    run_id: str | None = None,
    **options: Unpack[ManyOptions],
) -> Callable[..., list[float | None]]:
    """Options are those of Client.score_items. A column of answers (answer, solution, ground_truth,
    ...) becomes the reference. A trace without reward is None, which TRL leaves out of the mean
    since 1.6; with an older TRL the call raises. So it does when the daemon is not reached, and
    when no trace could be scored and no retry would cure that."""
    _options.check(options, ManyOptions)

    def reward(
        prompts: Sequence[Prompt], completions: Sequence[Prompt], **columns: Any
    ) -> list[float | None]:
        items, given = _asked(prompts, completions, options, run_id, columns)
        return _told(client.score_items(items, **given), len(completions), name, columns)

    reward.__name__ = name  # TRL logs rewards/{__name__}/mean
    return reward


async def reward(
    prompts: Sequence[Prompt], completions: Sequence[Prompt], **columns: Any
) -> list[float | None]:
    """`trl grpo --reward_funcs rewardd.trl.reward`: configured by the environment."""
    options = _glue.environment_options()
    items, given = _asked(prompts, completions, options, None, columns)
    scores = await _glue.shared_async_client().score_items(items, **given)
    return _told(scores, len(completions), "rewardd", columns)


reward.__name__ = "rewardd"
