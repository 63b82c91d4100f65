"""What the glue of all trainers shares: configuration by environment, conversations, columns.

The glue is reached by name (`rewardd.trl.reward`), so that a line of a trainer's configuration is
all a user writes. What it needs to know comes from the environment:

    REWARDD_URL, REWARDD_API_KEY       where the daemon is
    REWARDD_MODEL, REWARDD_OUTCOME_MODEL, REWARDD_AGGREGATE, REWARDD_FLAGS, REWARDD_OVERLONG,
    REWARDD_ROLES, REWARDD_SPLIT       as the options of those names
    REWARDD_GATE                       gates, with commas between: the reward is the gated one
    REWARDD_WHICH                      "process" (default where there is one) or "outcome"
    REWARDD_RUN                        name of the training run, for the run monitor
    REWARDD_LABELS                     what else is to be known of the run: "seed=3,lr=1e-6"
    REWARDD_UNSCORABLE                 a number for empty and over-long traces; else they have none
"""

from __future__ import annotations

import asyncio
import math
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Union, cast
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

from ._options import ManyOptions, Run
from ._types import RewarddError, RewardUnavailable, Score, Scores, TraceError
from .aio import AsyncClient
from .client import Client

Content = Union[str, Sequence[Any], None]
Prompt = Union[str, Sequence[Mapping[str, Any]]]

ANSWER_COLUMNS = ("reference", "answer", "solution", "ground_truth", "label", "target")
SAMPLE_COLUMNS = ("sample_index", "index", "idx")
STEP_COLUMNS = ("global_step", "global_steps", "step", "rollout_id")
ROLES = {"developer": "system", "tool": "user", "function": "user", "model": "assistant"}
# What no retry and no other daemon scores; for these, and only these, a user may choose a number.
UNSCORABLE = frozenset(("empty_trace", "context_exceeded", "limit_exceeded"))
OPTIONS = {
    "model": "REWARDD_MODEL",
    "outcome_model": "REWARDD_OUTCOME_MODEL",
    "aggregate": "REWARDD_AGGREGATE",
    "flags": "REWARDD_FLAGS",
    "overlong": "REWARDD_OVERLONG",
    "roles": "REWARDD_ROLES",
    "split": "REWARDD_SPLIT",
}

_lock = threading.Lock()
_client: Client | None = None
_async_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncClient] = WeakKeyDictionary()


def shared_client() -> Client:
    """One client per process, made when it is first needed; forks open their own sockets."""
    global _client
    with _lock:
        if _client is None:
            _client = Client()
        return _client


def shared_async_client() -> AsyncClient:
    """One client per event loop: sockets belong to a loop, and trainers have several."""
    loop = asyncio.get_running_loop()
    with _lock:
        if loop not in _async_clients:
            _async_clients[loop] = AsyncClient()
        return _async_clients[loop]


def setting(name: str) -> str | None:
    return os.environ.get(name) or None


def environment_options() -> ManyOptions:
    """The options of a scoring call that the environment sets."""
    options: dict[str, Any] = {}
    for name, variable in OPTIONS.items():
        if setting(variable) is not None:
            options[name] = setting(variable)
    gates = setting("REWARDD_GATE")
    if gates is not None:
        options["gate"] = [gate.strip() for gate in gates.split(",")]
    which()
    return cast("ManyOptions", options)


def run_name() -> str | None:
    return setting("REWARDD_RUN")


def which() -> str | None:
    found = setting("REWARDD_WHICH")
    if found not in (None, "process", "outcome"):
        raise ValueError(f'REWARDD_WHICH is "process" or "outcome", not {found!r}')
    return found


def unscorable() -> float | None:
    """The number the user chose for traces that cannot be scored; None: there is none."""
    text = setting("REWARDD_UNSCORABLE")
    if text in (None, "fail"):
        return None
    try:
        value = float(str(text))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f'REWARDD_UNSCORABLE is "fail" or a number, not {text!r}')
    return value


def labels(**found: Any) -> Run | None:
    """Labels of the run, without what the trainer does not tell; None without REWARDD_RUN."""
    run_id = found.pop("id", None) or run_name()
    if run_id is None:
        return None
    kept: dict[str, Any] = {"id": run_id}
    told = setting("REWARDD_LABELS")
    if told is not None:
        pairs = (pair.partition("=") for pair in told.split(","))
        kept["labels"] = {name.strip(): value.strip() for name, _, value in pairs}
    for name, value in found.items():
        value = plain(value)
        if isinstance(value, bool) or (isinstance(value, int) and value >= 0):
            kept[name] = value
    return cast("Run", kept)


def plain(value: Any) -> Any:
    """Arrays and scalars of numpy and torch as Python has them."""
    return value.tolist() if hasattr(value, "tolist") else value


# ---- conversations and columns ------------------------------------------------------------------


def text_of(content: Content) -> str:
    """Content of a message: a text, nothing, or parts of which the texts are joined."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    parts = []
    for part in content:
        if isinstance(part, str):
            parts.append(part)
        elif isinstance(part, Mapping) and isinstance(part.get("text"), str):
            parts.append(part["text"])
        else:
            raise ValueError("only parts of text can be scored: a message holds another kind")
    return "".join(parts)


def messages_of(prompt: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """A conversation in the daemon's roles; what no model reads (tool calls) has no content."""
    messages = []
    for message in prompt:
        role = str(message.get("role", "user"))
        content = text_of(message.get("content"))
        messages.append({"role": ROLES.get(role, role), "content": content})
    return messages


def item_of(prompt: Prompt, reference: Any = None) -> dict[str, Any]:
    """A prompt as an item without traces."""
    prompt = plain(prompt)
    item: dict[str, Any] = {}
    if isinstance(prompt, str):
        item["prompt"] = prompt
    else:
        item["messages"] = messages_of(prompt)
    answer = reference_of(reference)
    if answer is not None:
        item["reference"] = answer
    item["traces"] = []
    return item


def completion_of(completion: Prompt) -> str:
    """The assistant's text of a completion, plain or as messages."""
    if isinstance(completion, str):
        return completion
    texts = [text_of(m.get("content")) for m in completion if m.get("role") != "tool"]
    return "\n".join(text for text in texts if text)


def reference_of(value: Any) -> str | int | float | None:
    """A reference answer is a text or a number; other labels are the trainer's own business."""
    value = plain(value)
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        if not math.isfinite(value):
            return None
        return value if abs(value) < 2**53 else str(value)  # larger ones are not exact in JSON
    return value if isinstance(value, str) and value != "" else None


def answer_column(columns: Mapping[str, Any], count: int) -> list[Any]:
    """The column of the data set that holds the answers, one for each trace; Nones without one."""
    for name in ANSWER_COLUMNS:
        column = plain(columns.get(name))
        if isinstance(column, (list, tuple)) and len(column) == count:
            return list(column)
    return [None] * count


def sample_column(columns: Mapping[str, Any], count: int) -> list[int | None]:
    """The column that numbers the rows of the data set: alarms of the run name samples by it."""
    for name in SAMPLE_COLUMNS:
        column = plain(columns.get(name))
        if isinstance(column, (list, tuple)) and len(column) == count:
            return [v if type(v) is int and v >= 0 else None for v in map(plain, column)]
    return [None] * count


def sample_of(row: Mapping[str, Any]) -> int | None:
    """The number of one row in its data set."""
    found = (plain(row.get(name)) for name in SAMPLE_COLUMNS)
    return next((value for value in found if type(value) is int and value >= 0), None)


def step_of(row: Mapping[str, Any]) -> int | None:
    """The training step, where a row says it."""
    found = (plain(row.get(name)) for name in STEP_COLUMNS)
    return next((value for value in found if type(value) is int and value >= 0), None)


def answer_of(row: Mapping[str, Any]) -> Any:
    """The answer in one row of a data set."""
    found = (reference_of(row.get(name)) for name in ANSWER_COLUMNS)
    return next((answer for answer in found if answer is not None), None)


def group(
    prompts: Sequence[Prompt],
    completions: Sequence[Prompt],
    answers: Sequence[Any] | None = None,
    samples: Sequence[int | None] | None = None,
) -> list[dict[str, Any]]:
    """Neighbours with one prompt (a GRPO group) become one item: its prompt is computed once."""
    items: list[dict[str, Any]] = []
    last: Any = None
    for index, (prompt, completion) in enumerate(zip(map(plain, prompts), completions)):
        answer = answers[index] if answers is not None else None
        sample = samples[index] if samples is not None else None
        if not items or (prompt, answer, sample) != last:
            items.append(item_of(prompt, answer))
            if sample is not None:
                items[-1]["sample_index"] = sample
            last = (prompt, answer, sample)
        items[-1]["traces"].append(completion_of(completion))
    return items


# ---- rewards -------------------------------------------------------------------------------------


def value_of(score: Score) -> float | None:
    """The reward: what REWARDD_WHICH says, gated if REWARDD_GATE closed a gate."""
    if score.gated is not None:
        return score.gated.reward
    kind = which()
    if kind is None:
        return score.reward
    return score.process if kind == "process" else score.outcome


def reason_of(score: Score) -> TraceError:
    error = score.error or (score.gated.error if score.gated is not None else None)
    return error or TraceError("no_reward", "the reply holds no such reward")


def chosen(scores: Sequence[Score]) -> list[float | None]:
    """One reward for each trace: the daemon's, the user's own number, or None."""
    number = unscorable()
    rewards: list[float | None] = []
    for score in scores:
        reward = value_of(score)
        if reward is None and reason_of(score).code in UNSCORABLE:
            reward = number
        rewards.append(reward)
    return rewards


def checked(scores: Scores, count: int) -> list[float | None]:
    """As chosen; but when no trace has a reward for a reason that no retry cures, something is set
    up wrongly, and a step of training on nothing would hide it."""
    if len(scores) != count:
        raise RuntimeError(f"{count} completions, {len(scores)} scores")
    rewards = chosen(scores)
    lost = [reason_of(score) for score, reward in zip(scores, rewards) if reward is None]
    if count > 0 and len(lost) == count and not any(error.retryable for error in lost):
        first = lost[0]
        message = f"none of {count} traces has a reward; the first: {first}"
        raise RewarddError(TraceError(first.code, message, first.param, first.hint), 200)
    return rewards


def require(rewards: Sequence[float | None], scores: Sequence[Score], why: str) -> list[float]:
    """Every reward as a number, or an exception: for trainers that take None for one."""
    out: list[float] = []
    for index, (reward, score) in enumerate(zip(rewards, scores)):
        if reward is None:
            error = reason_of(score)
            message = f"trace {index} has no reward, and {why}: {error}"
            hint = "REWARDD_UNSCORABLE=NUMBER gives empty and over-long traces one of your choice"
            shown = TraceError(error.code, message, error.param, hint, error.retryable)
            raise RewardUnavailable(shown, 200, score.request_id)
        out.append(reward)
    return out


def scalars(score: Score, reward: float) -> dict[str, float]:
    """What trainers log beside a reward: numbers only, and the same names for every trace, since
    they are stacked. -1 is "unknown" for what is a probability or a truth value."""
    return {
        "reward": reward,
        "process": -1.0 if score.process is None else score.process,
        "outcome": -1.0 if score.outcome is None else score.outcome,
        "n_steps": len(score.steps),
        "verified": -1 if score.verified is None else int(score.verified),
        "flags_fired": len(score.fired),
        "scored": int(score.error is None),
    }


def wire_path(path: str, run: Run | None = None, **more: str) -> str:
    """A route of a trainer's dialect, with the options of the environment in its query, and the
    labels of the run."""
    options: dict[str, Any] = {**environment_options(), **more}
    if "gate" in options:
        raise ValueError("REWARDD_GATE: this trainer's route has no place for gates")
    number = unscorable()
    options["unscorable"] = None if number is None else repr(number)
    options["which"] = which()
    told: dict[str, Any] = {**(run or labels() or {})}
    names = told.pop("labels", {})
    options["run"] = told.pop("id", None)
    options.update({name: int(value) for name, value in told.items()})
    pairs = [(name, value) for name, value in options.items() if value is not None]
    pairs += [("label", f"{name}={value}") for name, value in names.items()]
    return f"{path}?{urlencode(pairs)}" if pairs else path
