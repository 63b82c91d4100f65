"""Client of rewardd. Standard library only; a reward that was not computed is None, never 0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ._options import VerifyOptions
from ._types import (
    Flag,
    Gated,
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


def verify(
    items: Iterable[Mapping[str, Any]],
    *,
    url: str | None = None,
    **options: Unpack[VerifyOptions],
) -> list[Verdict]:
    """Client.verify with a client of its own: answers beside references, without a model."""
    with Client(url) as client:
        return client.verify(items, **options)


__version__ = "0.1.0"
__all__ = [
    "AsyncClient",
    "Client",
    "Flag",
    "Gated",
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
