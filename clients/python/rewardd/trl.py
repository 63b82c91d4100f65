"""A TRL reward function: GRPOTrainer(reward_funcs=[reward_function(client)], ...)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Callable, Union

from ._options import ManyOptions, Run
from ._types import Score
from .client import Client

if TYPE_CHECKING:
    from typing_extensions import Unpack

Text = Union[str, Sequence[dict[str, Any]]]  # plain, or chat messages


def _completion_text(completion: Text) -> str:
    if isinstance(completion, str):
        return completion
    return "\n".join(str(message.get("content") or "") for message in completion)


def _item(prompt: Text) -> dict[str, Any]:
    if isinstance(prompt, str):
        return {"prompt": prompt, "traces": []}
    messages = [{"role": m["role"], "content": m["content"]} for m in prompt]
    return {"messages": messages, "traces": []}


def group(prompts: Sequence[Text], completions: Sequence[Text]) -> list[dict[str, Any]]:
    """Neighbours with one prompt (a GRPO group) become one item: its prompt is computed once."""
    items: list[dict[str, Any]] = []
    last: Any = None
    for prompt, completion in zip(prompts, completions):
        if not items or prompt != last:
            items.append(_item(prompt))
            last = prompt
        items[-1]["traces"].append(_completion_text(completion))
    return items


def _log(scores: Sequence[Score], name: str, log_extra: Any, log_metric: Any) -> None:
    if log_extra is not None:
        steps = [" ".join("-" if r is None else f"{r:.2f}" for r in s.rewards) for s in scores]
        log_extra(f"{name}_steps", steps)
        log_extra(f"{name}_error", [s.error.code if s.error else "" for s in scores])
    if log_metric is not None and scores:
        missing = sum(s.reward is None for s in scores)
        log_metric(f"{name}/missing_rate", missing / len(scores))
        log_metric(f"{name}/steps_mean", sum(len(s.steps) for s in scores) / len(scores))
        gaps = [
            s.outcome - s.process for s in scores if s.process is not None and s.outcome is not None
        ]
        if gaps:
            log_metric(f"{name}/orm_prm_gap", sum(gaps) / len(gaps))


def reward_function(
    client: Client,
    *,
    name: str = "rewardd",
    run_id: str | None = None,
    **options: Unpack[ManyOptions],
) -> Callable[..., list[float | None]]:
    """Options are those of Client.score. A trace without reward is None, which TRL leaves out of
    the mean; a daemon that cannot be reached raises RewardUnavailable and stops the step."""

    def reward(
        prompts: Sequence[Text],
        completions: Sequence[Text],
        trainer_state: Any = None,
        log_extra: Any = None,
        log_metric: Any = None,
        **_: Any,
    ) -> list[float | None]:
        labels: Run = {**(options.get("run") or {})}
        if run_id is not None:
            labels["id"] = run_id
        if trainer_state is not None:
            labels["step"] = int(trainer_state.global_step)
        given: ManyOptions = {**options, "run": labels or None}
        scores = client.score_items(group(prompts, completions), **given)
        if len(scores) != len(completions):
            raise RuntimeError(f"{len(completions)} completions, {len(scores)} scores")
        _log(scores, name, log_extra, log_metric)
        return scores.rewards

    reward.__name__ = name  # TRL logs rewards/{__name__}/mean
    return reward
