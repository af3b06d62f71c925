"""What happened, from rows and inboxes alone: events, who took them up, and what caused what.

An event was caused by the one whose taking-up committed in the same transaction: in the same
database, within the same trace, and at the same moment, give or take a batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from postbox.console.events.document import summary
from postbox.mongo import Document
from postbox.operations import Uptake

SAME_TRANSACTION_MS: Final = 250.0
"""An inbox row and the outbox rows of its transaction are dated as far apart at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One consumer's taking-up of an event, `after_ms` it was written."""

    lane: str
    consumer: str
    at: datetime
    after_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event: emitted on its source's lane, and what became of it."""

    lane: str
    at: datetime
    event: Mapping[str, Any]
    """As `events.document.summary` says it."""
    taken: Sequence[Taken] = ()
    cause: str | None = None
    """The id of the event that it followed from; None where it came from outside."""
    worked_ms: float | None = None
    """From the taking-up of its cause to its own writing."""

    @property
    def id(self) -> str:
        return str(self.event["id"])

    @property
    def document(self) -> dict[str, Any]:
        taken = [
            {"outbox": one.lane, "consumer": one.consumer, "at": one.at, "after_ms": one.after_ms}
            for one in self.taken
        ]
        return {**self.event, "taken_up": taken, "cause": self.cause, "worked_ms": self.worked_ms}


@dataclass(frozen=True, slots=True)
class Story:
    """Steps in the order of their times; lanes in the order in which they appear."""

    steps: Sequence[Step] = ()
    lanes: Sequence[str] = field(default_factory=list)

    def consumers(self, lane: str) -> set[str]:
        """Those of a lane that took up anything of it."""
        return {one.consumer for step in self.steps for one in step.taken if one.lane == lane}

    @property
    def moments(self) -> list[datetime]:
        """When anything of it happened, as far as is known."""
        taken = [one.at for step in self.steps for one in step.taken]
        return [*(step.at for step in self.steps), *taken]

    @property
    def took_ms(self) -> float:
        """From the first event to the last thing that is known to have happened."""
        moments = self.moments
        return _ms(max(moments), min(moments)) if moments else 0.0


def told(rows: Sequence[tuple[str, Document]], uptakes: Mapping[str, Sequence[Uptake]]) -> Story:
    """`rows` with the name of their source; `uptakes` by the source whose inbox says so.

    A row without a time has no place in it.
    """
    dated = [(name, row) for name, row in rows if isinstance(row.get("time"), datetime)]
    dated.sort(key=lambda one: one[1]["time"])
    steps = [Step(lane=name, at=row["time"], event=summary(name, row)) for name, row in dated]
    steps = [replace(step, taken=_taken(step, uptakes)) for step in steps]
    steps = [_caused(step, steps) for step in steps]
    appearing = [lane for step in steps for lane in (step.lane, *(one.lane for one in step.taken))]
    return Story(steps, list(dict.fromkeys(appearing)))


def _taken(step: Step, uptakes: Mapping[str, Sequence[Uptake]]) -> list[Taken]:
    taken = [
        Taken(lane=lane, consumer=one.consumer, at=one.at, after_ms=_ms(one.at, step.at))
        for lane, of_lane in uptakes.items()
        for one in of_lane
        if one.event_id == step.id
    ]
    return sorted(taken, key=lambda one: one.at)


def _caused(step: Step, steps: Sequence[Step]) -> Step:
    near = [
        (abs(_ms(step.at, taken.at)), other.id, _ms(step.at, taken.at))
        for other in steps
        if other.at < step.at and other.event["trace"] == step.event["trace"] is not None
        for taken in other.taken
        if taken.lane == step.lane and abs(_ms(step.at, taken.at)) <= SAME_TRANSACTION_MS
    ]
    if not near:
        return step
    _, cause, worked_ms = min(near)
    return replace(step, cause=cause, worked_ms=max(0.0, worked_ms))


def _ms(later: datetime, earlier: datetime) -> float:
    return (later - earlier).total_seconds() * 1_000
