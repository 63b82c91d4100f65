"""Client of rewardd. Standard library only; a reward that was not computed is None, never 0."""

from ._types import (
    Flag,
    Gated,
    RewarddError,
    RewardUnavailable,
    Score,
    Scores,
    Step,
    StreamBroken,
    TraceError,
)
from .aio import AsyncClient
from .client import Client

__version__ = "0.1.0"
__all__ = [
    "AsyncClient",
    "Client",
    "Flag",
    "Gated",
    "RewardUnavailable",
    "RewarddError",
    "Score",
    "Scores",
    "Step",
    "StreamBroken",
    "TraceError",
]
