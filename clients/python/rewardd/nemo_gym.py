"""NeMo-Gym: a resources server that asks rewardd for the reward of each response.

Gym starts every server from an `entrypoint`: a file of a server's folder. `python -m
rewardd.nemo_gym` prints the path of ours, to be copied to resources_servers/rewardd/app.py:

    rewardd:
      resources_servers:
        rewardd:
          entrypoint: app.py
          domain: math
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from . import _glue
from ._options import ManyOptions
from ._types import RewardUnavailable, Score

ENTRYPOINT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "plugins", "gym_app.py")


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)


def output_text(response: Any) -> str:
    """The assistant's text of an OpenAI response object (pydantic or dict)."""
    texts = []
    for item in _get(response, "output") or []:
        if _get(item, "type") == "message":
            texts += [_get(part, "text") or "" for part in _get(item, "content") or []]
    return "".join(texts)


def input_messages(params: Any) -> list[dict[str, str]]:
    """The prompt of a request: a text, or messages; instructions are a system turn."""
    given = _get(params, "input")
    turns = [{"role": "user", "content": given}] if isinstance(given, str) else []
    if not isinstance(given, str):
        turns = [turn if isinstance(turn, dict) else turn.model_dump() for turn in given or []]
    instructions = _get(params, "instructions")
    if instructions:
        turns.insert(0, {"role": "system", "content": instructions})
    return _glue.messages_of([turn for turn in turns if turn.get("role")])


def _extra(score: Score, reward: float) -> dict[str, Any]:
    told = _glue.scalars(score, reward)
    return {f"rewardd_{name}": value for name, value in told.items() if name != "reward"}


async def score(
    params: Any, response: Any, label: Any = None, row: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """{"reward": ...} of one response, with what else is known of it; raises without one. `row` is
    the request as Gym has it: it numbers the tasks of its data set."""
    item = _glue.item_of(input_messages(params), label)
    item["traces"] = [output_text(response)]
    options: ManyOptions = _glue.environment_options()
    fields = row or {}
    number = fields.get("_ng_task_index", _glue.sample_of(fields))
    options["run"] = _glue.labels(step=_glue.step_of(fields), sample_index=number)
    scores = await _glue.shared_async_client().score_items([item], **options)
    rewards = _glue.require(_glue.chosen(scores), scores, "Gym has no reward for that")
    return {"reward": rewards[0], **_extra(scores[0], rewards[0])}


def server_class() -> Any:
    """Gym's server; needs nemo_gym, which brings its own web server. A response that cannot be
    scored is a failed judge: Gym keeps such rows out of its metrics and tries them again."""
    base: Any = import_module("nemo_gym.base_resources_server")
    judge: Any = import_module("nemo_gym.judge")
    Extra: Any = {"model_config": {"extra": "allow"}}  # columns of the data set, answers among them
    Request: Any = type("Request", (base.BaseVerifyRequest,), Extra)
    Response: Any = type("Response", (base.BaseVerifyResponse,), Extra)

    class Rewardd(base.SimpleResourcesServer):  # type: ignore[misc]
        async def verify(self, body: Any) -> Any:
            fields = body.model_dump()
            label = _glue.answer_of({"reference": fields.get("expected_answer"), **fields})
            try:
                told = await score(body.responses_create_params, body.response, label, fields)
            except RewardUnavailable as error:
                raise judge.JudgeError(str(error)) from error
            return Response(**{**fields, **told})

    # FastAPI reads them, and names of this function mean nothing to it.
    Rewardd.verify.__annotations__.update({"body": Request, "return": Response})
    return Rewardd


if __name__ == "__main__":
    print(ENTRYPOINT)
