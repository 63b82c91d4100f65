"""Scoring calls as plans: which requests they make, and what the replies are together. No sockets.

A plan yields calls and is sent their scores, or thrown their refusals: Client and AsyncClient run
the same plan. Under on_error="none" the refusal of a request whose fault is one item stays with
that item: the others are asked for again without it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable

from . import _calls, _options, _wire
from ._options import GroupOptions, ManyOptions, ScoreOptions, Trace
from ._types import RewarddError, RewardUnavailable, Score, Scores, TraceError

Plan = Generator["_calls.Call[Scores]", Scores, Scores]

# After the first refusal: so that the bytes sent again do not grow with the square of the refused.
AGAIN_TOGETHER = 64


@dataclass(frozen=True)
class Entries:
    """What may be refused one by one: the items of a batch, or the traces of a group."""

    name: str  # in `param` of a refusal: items[3].prompt
    entries: Sequence[Any]
    ask: Callable[[Sequence[Any]], _calls.Call[Scores]]
    failed: Callable[[int, Any, TraceError], list[Score]]
    moved: Callable[[Score, int], Score]  # the score of a request, as one of the whole

    def guilty(self, refusal: RewarddError, count: int) -> int | None:
        """The entry that the refusal names, if its fault is one's."""
        if refusal.status not in (400, 404, 422):
            return None
        found = re.match(rf"{self.name}\[(\d+)\]", refusal.error.param or "")
        at = int(found.group(1)) if found else count
        return at if at < count else None


def too_much(refusal: RewarddError) -> bool:
    """The entries may be too many or too long together."""
    return refusal.status == 413 or refusal.error.code == "limit_exceeded"


def asked(all_of: Entries, at: list[int]) -> Generator[_calls.Call[Scores], Scores, Scores]:
    """The scores of some entries, by their numbers; a refusal is thrown."""
    scores = yield all_of.ask([all_of.entries[i] for i in at])
    every = (all_of.moved(score, at[number_of(all_of, score)]) for score in scores)
    return Scores(every, scores.usage)


def number_of(all_of: Entries, score: Score) -> int:
    return score.item if all_of.name == "items" else score.trace


def one_by_one(all_of: Entries, at: list[int]) -> Generator[_calls.Call[Scores], Scores, Scores]:
    """As asked, but what is refused for its own sake becomes a score that says so."""
    lost = Scores()
    while at:
        try:
            return _wire.merge([(lost, {}), _wire.part((yield from asked(all_of, at)))])
        except RewarddError as refusal:
            guilty = all_of.guilty(refusal, len(at))
            if too_much(refusal) and len(at) > 1:
                half = len(at) // 2
                first = yield from one_by_one(all_of, at[:half])
                second = yield from one_by_one(all_of, at[half:])
                return _wire.merge([(lost, {}), _wire.part(first), _wire.part(second)])
            if guilty is None and not (too_much(refusal) and len(at) == 1):
                raise
            number = at.pop(guilty or 0)
            lost.extend(all_of.failed(number, all_of.entries[number], refusal.error))
    return lost


def without_refused(all_of: Entries, on_error: str) -> Plan:
    """All entries in one request; if one of them is refused, in several without it."""
    every = list(range(len(all_of.entries)))
    if not every:
        return Scores()
    try:
        return (yield from asked(all_of, every))
    except RewarddError as refusal:
        own_fault = all_of.guilty(refusal, len(every)) is not None or too_much(refusal)
        if on_error == "raise" or not own_fault:
            raise
    parts: list[_wire.Part] = []
    for first in range(0, len(every), AGAIN_TOGETHER):
        scores = yield from one_by_one(all_of, every[first : first + AGAIN_TOGETHER])
        parts.append(_wire.part(scores))
    merged = _wire.merge(parts)
    merged.sort(key=lambda score: (score.item, score.trace))
    return merged


def items(entries: Sequence[Mapping[str, Any]], options: ManyOptions) -> Plan:
    given = _options.check(options, ManyOptions)
    on_error = _wire.check_on_error(given.pop("on_error", "none"))

    def ask(some: Sequence[Any]) -> _calls.Call[Scores]:
        return _calls.scoring({"items": list(some)}, given, on_error)

    def failed(number: int, item: Any, error: TraceError) -> list[Score]:
        count = len(item.get("traces") or [None]) if isinstance(item, Mapping) else 1
        return [Score(item=number, trace=i, error=error) for i in range(count)]

    def moved(score: Score, number: int) -> Score:
        return dataclasses.replace(score, item=number)

    all_of = Entries("items", entries, ask, failed, moved)
    return (yield from without_refused(all_of, on_error))


def group(prompt: str | None, traces: Sequence[Trace], options: GroupOptions) -> Plan:
    given = _options.check(options, GroupOptions)
    on_error = _wire.check_on_error(given.pop("on_error", "none"))
    messages, reference = given.pop("messages", None), given.pop("reference", None)

    def ask(some: Sequence[Any]) -> _calls.Call[Scores]:
        return _calls.scoring(_wire.group(prompt, messages, reference, some), given, on_error)

    def failed(number: int, _: Any, error: TraceError) -> list[Score]:
        return [Score(trace=number, error=error)]

    def moved(score: Score, number: int) -> Score:
        return dataclasses.replace(score, trace=number)

    all_of = Entries("traces", traces, ask, failed, moved)
    return (yield from without_refused(all_of, on_error))


def one(prompt: str | None, options: ScoreOptions) -> Plan:
    """One trace; unlike the others it raises unless asked not to."""
    given: dict[str, Any] = {"on_error": "raise", **_options.check(options, ScoreOptions)}
    parts = (given.pop(name, None) for name in ("trace", "steps", "text"))
    trace = _wire.one_trace(*parts)
    return (yield from group(prompt, [trace], given))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Batch:
    """Some of the samples of score_many, as items of one request."""

    first: int  # number of its first sample
    entries: list[dict[str, Any]]

    def plan(self, options: ManyOptions) -> Plan:
        """After all retries: under on_error="none" scores that say why there is no reward."""
        try:
            scores = yield from items(self.entries, options)
        except RewardUnavailable as error:
            if options.get("on_error", "none") == "raise":
                raise
            scores = Scores(Score(item=i, error=error.error) for i in range(len(self.entries)))
        every = (dataclasses.replace(s, item=self.first + s.item) for s in scores)
        return Scores(every, scores.usage)


def prompt_of(item: Mapping[str, Any]) -> object:
    return item.get("messages") or item.get("prompt")


def cut(every: Sequence[Mapping[str, Any]], size: int) -> Iterable[tuple[int, int]]:
    """Batches of `size` and less: neighbours with one prompt (a group) stay together if they fit,
    so that one replica behind a balancer computes their prompt."""
    first = 0
    while first < len(every):
        last = min(first + size, len(every))
        if last < len(every):
            start = last
            while start > first and prompt_of(every[start - 1]) == prompt_of(every[last]):
                start -= 1
            last = start if start > first else last
        yield first, last
        first = last


def batches(samples: Iterable[Mapping[str, Any]], size: int, options: ManyOptions) -> list[Batch]:
    _wire.check_on_error(_options.check(options, ManyOptions).get("on_error", "none"))
    if size < 1:
        raise ValueError("batch_size is 1 at least")
    every = [_wire.sample_item(sample) for sample in samples]
    return [Batch(first, every[first:last]) for first, last in cut(every, size)]
