"""What in a snapshot needs a person, each with the page on which they see to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from postbox.console.overview.advice import ADVICE
from postbox.console.overview.snapshot import BrokerLook, QueuePair, Snapshot
from postbox.operations import QueueStatus, ShardStatus, seconds

LAG_MAX_S: Final = 60.0
"""As in the alert `OutboxLag`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing that needs a person. `kind` is a key of ADVICE."""

    kind: str
    what: str
    href: str | None = None

    @property
    def document(self) -> dict[str, Any]:
        advice = ADVICE[self.kind]
        said = {"title": advice.title, "means": advice.means, "do": advice.do}
        return {"kind": self.kind, "what": self.what, "href": self.href, **said}


def document(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot in JSON's shape, with what needs a person first."""
    return {"troubles": [one.document for one in troubles(snapshot)], **snapshot.figures}


def troubles(snapshot: Snapshot) -> list[Trouble]:
    """All of them: what stops most comes first."""
    return [*_of_servers(snapshot), *_of_programs(snapshot), *_of_sources(snapshot),
            *_of_queues(snapshot.broker)]  # fmt: skip


def _of_servers(snapshot: Snapshot) -> Iterator[Trouble]:
    broker = snapshot.broker
    if broker.problem is not None:
        yield Trouble(kind="BrokerUnavailable", what=broker.problem)
    elif broker.api_problem is not None:
        yield Trouble(kind="BrokerApiUnavailable", what=broker.api_problem)
    for name, problem in snapshot.unavailable.items():
        yield Trouble(kind="SourceUnavailable", what=f"{name}: {problem}")


def _of_programs(snapshot: Snapshot) -> Iterator[Trouble]:
    for program in snapshot.programs:
        if program.problem is not None:
            yield Trouble(kind="ProgramDown", what=f"{program.name}: {program.problem}")
        elif not program.is_ready:
            yield Trouble(kind="ProgramNotReady", what=f"{program.name}: {program.reason}")


def _of_sources(snapshot: Snapshot) -> Iterator[Trouble]:
    for name, source in snapshot.sources.items():
        shards = source.status.shards
        for shard in shards:
            which = name if len(shards) == 1 else f"{name}, shard {shard.shard}"
            yield from _of_shard(name, which, shard)


def _of_shard(name: str, which: str, shard: ShardStatus) -> Iterator[Trouble]:
    if not shard.is_led:
        last = f"; the last was {shard.holder}" if shard.holder else ""
        yield Trouble(kind="NoRelayLeads", what=f"{which}{last}")
    if shard.lag_s > LAG_MAX_S:
        what = f"{which}: the oldest of {shard.pending:,} waits {seconds(shard.lag_s)}"
        href = f"/events?state=pending&source={quote(name)}"
        yield Trouble(kind="OutboxLag", what=what, href=href)
    if shard.oplog_left_s is not None and shard.oplog_left_s < 0:
        yield Trouble(kind="RelayTokenOld", what=which)
    if shard.parked:
        href = f"/set-aside?place={quote(name)}"
        yield Trouble(kind="EventParked", what=f"{which}: {shard.parked:,}", href=href)


def _of_queues(broker: BrokerLook) -> Iterator[Trouble]:
    for pair in broker.queues:
        yield from _of_queue(broker, pair)
    if broker.unrouted is not None and broker.unrouted.ready:
        yield _waiting("EventsUnrouted", broker.unrouted)


def _of_queue(broker: BrokerLook, pair: QueuePair) -> Iterator[Trouble]:
    name, ready = pair.queue.name, pair.queue.ready
    if ready is None:
        yield Trouble(kind="QueueMissing", what=name)
    else:
        if not pair.queue.consumers:
            yield Trouble(kind="NoConsumer", what=f"{name}: {ready:,} wait")
        if broker.is_full(pair.queue):
            most = broker.facts_of(name).most
            yield Trouble(kind="QueueFull", what=f"{name}: {ready:,} of {most:,}")
        if missing := broker.missing(name):
            href = f"/map?{urlencode({'queue': name})}"
            yield Trouble(kind="BindingMissing", what=f"{name}: {', '.join(missing)}", href=href)
    if pair.dead.ready:
        yield _waiting("DeadLettersWait", pair.dead)


def _waiting(kind: str, queue: QueueStatus) -> Trouble:
    href = f"/set-aside?place={quote(queue.name)}"
    return Trouble(kind=kind, what=f"{queue.name}: {queue.ready:,}", href=href)
