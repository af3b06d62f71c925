"""The map as a graph: who publishes, what is bound to what, and who takes it. Nothing is drawn."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from postbox.console.overview.snapshot import QueuePair, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceNode:
    """`per_s` is how many events it publishes; None where that is not known."""

    name: str
    is_led: bool
    pending: int | None
    per_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueNode:
    """`keys` are its bindings; None where they are not known. `ready` is None: no such queue."""

    name: str
    ready: int | None
    dead: int | None
    consumers: int | None
    keys: Sequence[str] | None
    missing: Sequence[str]
    in_per_s: float | None
    out_per_s: float | None
    is_full: bool = False
    is_for_people: bool = False
    """What no queue wanted: it waits for a person, and needs no consumer."""

    @property
    def is_bad(self) -> bool:
        if self.is_for_people:
            return bool(self.ready)
        return self.ready is None or not self.consumers or bool(self.missing) or self.is_full


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """All of it, from left to right."""

    sources: Sequence[SourceNode]
    exchange: str
    queues: Sequence[QueueNode]

    @property
    def document(self) -> dict[str, Any]:
        return {**asdict(self), "knows_bindings": self.knows_bindings}

    @property
    def knows_bindings(self) -> bool:
        return any(queue.keys is not None for queue in self.queues)


def graph(snapshot: Snapshot, exchange: str) -> Graph:
    """The graph of one look."""
    broker = snapshot.broker
    sources = [
        SourceNode(
            name=name,
            is_led=all(shard.is_led for shard in source.status.shards),
            pending=source.pending,
            per_s=None if source.flow is None else source.flow.published_per_s,
        )
        for name, source in snapshot.sources.items()
    ]
    away = [
        SourceNode(name=name, is_led=False, pending=None, per_s=None)
        for name in snapshot.unavailable
    ]
    queues = [_queue(snapshot, pair) for pair in broker.queues]
    if broker.unrouted is not None:
        queues.append(
            QueueNode(
                name=broker.unrouted.name,
                ready=broker.unrouted.ready,
                dead=None,
                consumers=None,
                keys=None,
                missing=(),
                in_per_s=broker.facts_of(broker.unrouted.name).in_per_s,
                out_per_s=None,
                is_for_people=True,
            )
        )
    return Graph(sources=[*sources, *away], exchange=exchange, queues=queues)


def _queue(snapshot: Snapshot, pair: QueuePair) -> QueueNode:
    broker, name = snapshot.broker, pair.queue.name
    bound, facts = broker.bound(name), broker.facts_of(name)
    return QueueNode(
        name=name,
        ready=pair.queue.ready,
        dead=pair.dead.ready,
        consumers=pair.queue.consumers,
        keys=None if bound is None else sorted(bound),
        missing=broker.missing(name),
        in_per_s=facts.in_per_s,
        out_per_s=facts.out_per_s,
        is_full=broker.is_full(pair.queue),
    )
