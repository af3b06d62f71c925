"""One look at everything: programs, sources, queues, and the broker beneath them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from postbox.console.overview.charts import Chart
from postbox.console.overview.management import BrokerFacts, QueueFacts
from postbox.console.overview.programs import ProgramStatus
from postbox.operations import Flow, QueueStatus, SourceStatus

UNKNOWN: Final = QueueFacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLook:
    """One source that answered."""

    status: SourceStatus
    flow: Flow | None
    """What came and went since the look before."""

    @property
    def pending(self) -> int:
        return sum(shard.pending for shard in self.status.shards)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePair:
    """A consumer's queue and its dead queue."""

    queue: QueueStatus
    dead: QueueStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerLook:
    """What AMQP tells; and the management API, where there is one and it answers."""

    queues: Sequence[QueuePair] = ()
    unrouted: QueueStatus | None = None
    problem: str | None = None
    facts: BrokerFacts | None = None
    api_problem: str | None = None
    expected: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The bindings that each queue should have."""

    def facts_of(self, queue: str) -> QueueFacts:
        return UNKNOWN if self.facts is None else self.facts.queues.get(queue, UNKNOWN)

    def bound(self, queue: str) -> frozenset[str] | None:
        """Its bindings; None where they are not known."""
        return None if self.facts is None else self.facts.bindings.get(queue, frozenset())

    def missing(self, queue: str) -> list[str]:
        """The bindings that it should have, and has not."""
        bound = self.bound(queue)
        return [] if bound is None else sorted(self.expected.get(queue, frozenset()) - bound)

    def is_full(self, queue: QueueStatus) -> bool:
        facts = self.facts_of(queue.name)
        if facts.most is None or queue.ready is None:
            return False
        return queue.ready + (facts.unacknowledged or 0) >= facts.most


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything at one moment; a source or the broker may have given no answer."""

    at: datetime
    sources: Mapping[str, SourceLook]
    unavailable: Mapping[str, str]
    broker: BrokerLook = field(default_factory=BrokerLook)
    programs: Sequence[ProgramStatus] = ()
    charts: Sequence[Chart] = ()

    @property
    def figures(self) -> dict[str, Any]:
        """All of it in JSON's shape."""
        broker = self.broker
        return {
            "at": self.at,
            "programs": [
                {"name": one.name, "is_ready": one.is_ready, "reason": one.reason}
                for one in self.programs
            ],
            "sources": [
                *(_source(name, one) for name, one in self.sources.items()),
                *({"name": name, "problem": why} for name, why in self.unavailable.items()),
            ],
            "broker": {"problem": broker.problem, "api_problem": broker.api_problem},
            "queues": [self._queue(pair) for pair in broker.queues],
            "unrouted": None if broker.unrouted is None else _plain(broker.unrouted),
            "charts": [chart.document for chart in self.charts],
        }

    def _queue(self, pair: QueuePair) -> dict[str, Any]:
        facts = self.broker.facts_of(pair.queue.name)
        return {
            **_plain(pair.queue),
            "dead": _plain(pair.dead),
            "unacknowledged": facts.unacknowledged,
            "in_per_s": facts.in_per_s,
            "out_per_s": facts.out_per_s,
            "most": facts.most,
            "is_full": self.broker.is_full(pair.queue),
            "missing_bindings": self.broker.missing(pair.queue.name),
        }


def _source(name: str, look: SourceLook) -> dict[str, Any]:
    shards = look.status.shards
    ages = [shard.token_age_s for shard in shards if shard.token_age_s is not None]
    return {
        "name": name,
        "problem": None,
        "pending": look.pending,
        "lag_s": max((shard.lag_s for shard in shards), default=0.0),
        "parked": sum(shard.parked for shard in shards),
        "scheduled": look.status.scheduled,
        "written_per_s": None if look.flow is None else look.flow.written_per_s,
        "published_per_s": None if look.flow is None else look.flow.published_per_s,
        "leaders": [shard.holder if shard.is_led else None for shard in shards],
        "token_age_s": max(ages, default=None),
        "oplog_window_s": look.status.oplog_window_s,
    }


def _plain(status: QueueStatus) -> dict[str, Any]:
    return {"name": status.name, "ready": status.ready, "consumers": status.consumers}
