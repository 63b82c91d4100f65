"""Client of rewardd. Standard library only; a reward that was not computed is None, never 0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._options import VerifyOptions, keywords
from ._types import (
    Checked,
    Flag,
    Gated,
    Model,
    Models,
    Reason,
    RewarddError,
    RewardUnavailable,
    Score,
    Scores,
    Step,
    StreamBroken,
    TraceError,
    Verdict,
)
from .aio import AsyncClient
from .client import Client

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from . import areal as areal
    from . import nemo_gym as nemo_gym
    from . import openrlhf as openrlhf
    from . import slime as slime
    from . import swift as swift
    from . import trl as trl
    from . import verl as verl


@keywords(VerifyOptions)
def verify(
    items: Iterable[Mapping[str, Any]],
    *,
    url: str | None = None,
    **options: Unpack[VerifyOptions],
) -> list[Verdict]:
    """Client.verify with a client of its own: answers beside references, without a model."""
    with Client(url) as client:
        return client.verify(items, **options)


# Glue of trainers: imported when it is first named, so that `import rewardd; rewardd.trl` works and
# costs nothing to whoever does not name it.
_GLUE = ("areal", "nemo_gym", "openrlhf", "slime", "swift", "trl", "verl")


if not TYPE_CHECKING:  # to a type checker it would make every name an attribute

    def __getattr__(name: str) -> Any:
        if name in _GLUE:
            return import_module(f".{name}", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted([*globals(), *_GLUE])


__version__ = "0.1.0"
__all__ = [
    "AsyncClient",
    "Checked",
    "Client",
    "Flag",
    "Gated",
    "Model",
    "Models",
    "Reason",
    "RewardUnavailable",
    "RewarddError",
    "Score",
    "Scores",
    "Step",
    "StreamBroken",
    "TraceError",
    "Verdict",
    "verify",
]
