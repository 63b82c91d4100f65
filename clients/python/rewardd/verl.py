"""verl: a reward manager that sees the prompt, and compute_score for rows that carry it.

0.8 and later:
    reward.reward_manager.source=importlib reward.reward_manager.name=RewarddManager
    reward.reward_manager.module.path=pkg://rewardd.verl
0.7:
    reward_model.reward_loop_source=importlib reward_model.reward_loop_class_name=RewarddManager
    reward_model.reward_loop_module_path=pkg://rewardd.verl
0.6, which gives its function no prompt (rows need `extra_info["question"]`):
    custom_reward_function.path=FILE custom_reward_function.name=compute_score
    where `python -m rewardd.verl` prints FILE

REWARDD_PLACE=steps puts the reward of every step on its last token, in place of the aggregate on
the last token of the response. Only the batch path of verl 0.8 and later asks its manager for a
place (reward.reward_model.enable=True without a resource pool of its own); elsewhere it is refused.

verl loads this file by its path too, so it imports by full names.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rewardd import _glue
from rewardd._types import RewarddError, Score, Scores, TraceError

if TYPE_CHECKING or __name__ == "__main__":
    _Base = object
else:
    try:
        from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase as _Base
    except ImportError:  # verl < 0.7, or none
        _Base = object

QUESTION_FIELDS = ("question", "problem", "prompt", "query", "input")
WHY = "verl cannot train on None"


def _no_prompt(message: str, hint: str) -> RewarddError:
    return RewarddError(TraceError("no_prompt", message, None, hint), 0)


def _asked(prompt: Any, text: str, reference: Any, **labels: Any) -> dict[str, Any]:
    """The arguments of score_items for one trace."""
    item = _glue.item_of(prompt, reference)
    item["traces"] = [text]
    return {"items": [item], "run": _glue.labels(**labels), **_glue.environment_options()}


def _told(scores: Scores) -> dict[str, float]:
    rewards = _glue.require(_glue.chosen(scores), scores, WHY)
    return _glue.scalars(scores[0], rewards[0])


def _at(config: Any, path: str) -> Any:
    """A value deep in verl's configuration, or None."""
    for name in path.split("."):
        config = config.get(name) if isinstance(config, Mapping) else getattr(config, name, None)
    return config


class Placed(float):
    """A reward that knows the last token of each of its steps; a number to whoever does not ask."""

    steps: list[tuple[int, float]]

    def __new__(cls, reward: float, steps: Sequence[tuple[int, float]]) -> Placed:
        made = super().__new__(cls, reward)
        made.steps = list(steps)
        return made

    def __reduce__(self) -> tuple[Any, ...]:  # it crosses Ray's processes
        return (Placed, (float(self), self.steps))


def _last_token(tokenizer: Any, ids: Any, text: str, end: int, first: int) -> int:
    """The token with which the first `end` characters of the text are there. Characters may be cut
    by tokens, so that prefixes are decoded: a prefix that has them never loses them again."""
    low, high = first, len(ids)
    while low < high:
        middle = (low + high) // 2
        there = tokenizer.decode(ids[: middle + 1], skip_special_tokens=True)
        low, high = (low, middle) if there[:end] == text[:end] else (middle + 1, high)
    return min(low, len(ids) - 1)


def _placed(tokenizer: Any, ids: Any, text: str, score: Score, reward: float) -> float:
    if score.error is not None:
        return reward  # the user's own number: on the last token, as verl has it
    steps: list[tuple[int, float]] = []
    for step in score.steps:
        if step.reward is None:
            raise RewarddError(TraceError("no_reward", f"step {step.index} has no reward"), 200)
        first = steps[-1][0] if steps else 0
        steps.append((_last_token(tokenizer, ids, text, step.chars[1], first), step.reward))
    return Placed(reward, steps)


def _places_steps(config: Any) -> bool:
    place = _glue.setting("REWARDD_PLACE") or "last"
    if place not in ("last", "steps"):
        raise ValueError(f'REWARDD_PLACE is "last" or "steps", not {place!r}')
    if place == "last":
        return False
    batch = _at(config, "reward.reward_model.enable") and not _at(
        config, "reward.reward_model.enable_resource_pool"
    )
    if not batch or not hasattr(_Base, "assemble_rm_scores"):
        raise ValueError(
            "REWARDD_PLACE=steps: in this configuration verl itself puts the reward on the last "
            "token; it asks for a place only with reward.reward_model.enable=True and no resource "
            "pool for it (0.8 and later)"
        )
    if _glue.setting("REWARDD_GATE") or _glue.which() == "outcome":
        raise ValueError("REWARDD_PLACE=steps places process rewards: no gate, no outcome")
    return True


class RewarddManager(_Base):
    """One trace at a time, as verl's reward loop asks for it; verl runs many at once."""

    def __init__(
        self,
        config: Any,
        tokenizer: Any,
        compute_score: Any = None,
        reward_router_address: str | None = None,
        reward_model_tokenizer: Any = None,
        **_: Any,
    ):
        if _Base is not object:  # two arguments in 0.7, three later
            count = len(inspect.signature(_Base.__init__).parameters) - 1
            super().__init__(*(config, tokenizer, compute_score)[:count])
        self.config = config
        self.tokenizer = tokenizer
        self.places_steps = _places_steps(config)

    def _response(self, row: Any) -> tuple[Any, str]:
        """Its tokens, and its text."""
        ids = row.batch["responses"]
        ids = ids[: int(row.batch["attention_mask"][-ids.shape[-1] :].sum())]
        return ids, str(self.tokenizer.decode(ids, skip_special_tokens=True))

    def _labels(self, row: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
        meta = getattr(row, "meta_info", None) or {}
        validate = bool(meta.get("validate", False))
        kind = "rollout.val_kwargs.n" if validate else "rollout.n"
        return {
            "step": meta.get("global_steps"),
            "sample_index": fields.get("index"),
            "rollout_n": _at(self.config, f"actor_rollout_ref.{kind}"),
            "validate": validate or None,
        }

    async def run_single(self, data: Any) -> dict[str, Any]:
        row = data[len(data) - 1]  # of several sequences verl rewards the last
        fields = row.non_tensor_batch
        prompt = _glue.plain(fields.get("raw_prompt"))
        if prompt is None:
            raise _no_prompt("verl gave no raw_prompt", "set data.return_raw_chat=True")
        label = (_glue.plain(fields.get("reward_model")) or {}).get("ground_truth")
        ids, text = self._response(row)
        asked = _asked(prompt, text, label, **self._labels(row, fields))
        scores = await _glue.shared_async_client().score_items(**asked)
        told = _told(scores)
        reward = told["reward"]
        if self.places_steps:
            reward = _placed(self.tokenizer, ids, text, scores[0], reward)
        return {"reward_score": reward, "reward_extra_info": told}

    @classmethod
    def assemble_rm_scores(cls, data: Any, scores: Sequence[float]) -> Any:
        """verl's own rule, and for placed rewards each step's on its last token."""
        rewards = super().assemble_rm_scores(data, scores)  # type: ignore[misc]
        for row, score in enumerate(scores):
            if isinstance(score, Placed):
                rewards[row] = 0
                for token, reward in score.steps:
                    rewards[row, token] += reward
        return rewards


def _question(extra: Mapping[str, Any]) -> Any:
    found = (_glue.plain(extra.get(name)) for name in QUESTION_FIELDS)
    question = next((value for value in found if value), None)
    if question is None:
        raise _no_prompt(
            f"extra_info has none of {', '.join(QUESTION_FIELDS)} (it has {sorted(extra)}), and "
            "verl gives a custom reward function no prompt",
            "use rewardd.verl.RewarddManager, which sees the prompt",
        )
    return question


def compute_score(
    data_source: Any,
    solution_str: str,
    ground_truth: Any = None,
    extra_info: Mapping[str, Any] | None = None,
    **_: Any,
) -> dict[str, float]:
    """verl's custom_reward_function, called in threads; the row must carry its question."""
    extra = extra_info or {}
    asked = _asked(_question(extra), solution_str, ground_truth, sample_index=extra.get("index"))
    told = _told(_glue.shared_client().score_items(**asked))
    return {"score": told["reward"], **told}


if __name__ == "__main__":
    print(__file__)
