"""Looks at everything every two seconds while somebody watches, for all browsers together."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from postbox.console.overview.broker import BrokerWatch
from postbox.console.overview.charts import Chart, Line
from postbox.console.overview.history import History
from postbox.console.overview.programs import Programs
from postbox.console.overview.snapshot import BrokerLook, Snapshot, SourceLook
from postbox.console.sources import Looked, Sources
from postbox.operations import Background, Flow, background, flow, standing

EVERY_S: Final = 2.0
LOOK_LIMIT_S: Final = 2.0
"""With `EVERY_S` and what a page needs: trouble is shown within five seconds of its beginning."""
UNWATCHED_EVERY_S: Final = 30.0
"""So that there is a history when somebody comes."""
BACKGROUND_GOOD_FOR_S: Final = 30.0
SETTLED_S: Final = 1.0
PATIENCE_S: Final = 1.0
"""What is no older is shown as it is to whoever comes."""
FLOW_LATE: Final = timedelta(seconds=1)
"""Rates are of a second ago: a row is seen when its transaction has committed."""
FLOW_LEAST: Final = timedelta(seconds=1)
LEASE_OVER_S: Final = 0.1


class Watch:
    """The newest snapshot, and who waits for the next one."""

    def __init__(self, sources: Sources, broker: BrokerWatch, programs: Programs) -> None:
        self._sources = sources
        self._broker = broker
        self._programs = programs
        self._history = History()
        self._flow: dict[str, tuple[datetime, Flow | None]] = {}
        self._background: dict[str, tuple[float, Background]] = {}
        self._newest: Snapshot | None = None
        self._looked_at = 0.0
        self._watchers = 0
        self._wanted = asyncio.Event()
        self._changed = asyncio.Condition()

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop` is set."""
        stopped = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                snapshot = await self._look()
                self._looked_at = time.monotonic()
                async with self._changed:
                    self._newest = snapshot
                    self._changed.notify_all()
                await self._pause(stopped, snapshot)
        finally:
            stopped.cancel()
            await self._broker.close()
            async with self._changed:
                self._changed.notify_all()

    async def now(self) -> Snapshot:
        """How everything stands, as of a second ago; older only while a server does not answer."""
        newest = self._newest
        if newest is not None and time.monotonic() - self._looked_at < SETTLED_S:
            return newest
        self._wanted.set()
        try:
            async with asyncio.timeout(None if newest is None else PATIENCE_S):
                return await self.after(newest)
        except TimeoutError:
            assert newest is not None, "there was no limit"
            return newest

    async def after(self, seen: Snapshot | None) -> Snapshot:
        """The newest one as soon as it is another than `seen`."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._newest is not seen)
            assert self._newest is not None
            return self._newest

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While this block runs, somebody watches."""
        self._watchers += 1
        self._wanted.set()
        try:
            yield
        finally:
            self._watchers -= 1

    async def _pause(self, stopped: asyncio.Future[Any], snapshot: Snapshot) -> None:
        """Until the next look is due, somebody comes, or the console is to stop."""
        every_s = UNWATCHED_EVERY_S
        if self._watchers:
            every_s = min(EVERY_S, _lease_over_in_s(snapshot))
        wanted = asyncio.ensure_future(self._wanted.wait())
        await asyncio.wait((wanted, stopped), timeout=every_s, return_when=asyncio.FIRST_COMPLETED)
        wanted.cancel()
        self._wanted.clear()

    async def _look(self) -> Snapshot:
        (sources, problems), broker, programs = await asyncio.gather(
            self._sources.ask(self._look_at, limit_s=LOOK_LIMIT_S),
            self._broker.look(),
            self._programs.look(),
        )
        self._history.note({**_of_sources(sources), **_of_queues(broker)})
        return Snapshot(
            at=datetime.now(UTC),
            sources=sources,
            unavailable=problems,
            broker=broker,
            programs=programs,
            charts=[chart for chart in self._charts(broker) if any(_has_points(chart))],
        )

    async def _look_at(self, looked: Looked) -> SourceLook:
        against = await self._background_of(looked)
        return SourceLook(
            status=await standing(looked.database, collection=looked.collection, against=against),
            flow=await self._flow_of(looked),
        )

    async def _background_of(self, looked: Looked) -> Background:
        """As it was a moment ago."""
        until_s, known = self._background.get(looked.name, (0.0, None))
        if known is None or until_s < time.monotonic():
            known = await background(looked.database, collection=looked.collection)
            self._background[looked.name] = (time.monotonic() + BACKGROUND_GOOD_FOR_S, known)
        return known

    async def _flow_of(self, looked: Looked) -> Flow | None:
        """What came and went since the look before; None at the first one."""
        until = datetime.now(UTC) - FLOW_LATE
        since, newest = self._flow.get(looked.name, (until, None))
        if until - since >= FLOW_LEAST:
            newest = await flow(looked.database, since, until, collection=looked.collection)
        elif since < until:
            return newest  # as it was a moment ago
        self._flow[looked.name] = (until, newest)
        return newest

    def _charts(self, broker: BrokerLook) -> Iterator[Chart]:
        line, of = Line, self._history.of
        for name in self._sources.names:
            yield Chart(
                title=f"{name}: events a second",
                lines=[
                    line(name="written", unit="/s", points=of(f"{name} written")),
                    line(name="published", unit="/s", points=of(f"{name} published")),
                ],
            )
            pending = line(name="pending", unit="", points=of(f"{name} pending"))
            yield Chart(title=f"{name}: pending", lines=[pending])
        for pair in broker.queues:
            queue = pair.queue.name
            ready = line(name="ready", unit="", points=of(f"{queue} ready"))
            yield Chart(title=f"{queue}: ready", lines=[ready])


def _has_points(chart: Chart) -> Iterator[bool]:
    return (len(line.points) > 1 for line in chart.lines)


def _of_sources(sources: Mapping[str, SourceLook]) -> dict[str, float | None]:
    values: dict[str, float | None] = {}
    for name, look in sources.items():
        values[f"{name} pending"] = look.pending
        if look.flow is not None:
            values[f"{name} written"] = look.flow.written_per_s
            values[f"{name} published"] = look.flow.published_per_s
    return values


def _of_queues(broker: BrokerLook) -> dict[str, float | None]:
    return {f"{pair.queue.name} ready": pair.queue.ready for pair in broker.queues}


def _lease_over_in_s(snapshot: Snapshot) -> float:
    """When the next lease is over, if nobody renews it: a relay that was killed shows by that."""
    left = [
        shard.lease_left_s
        for source in snapshot.sources.values()
        for shard in source.status.shards
        if shard.lease_left_s is not None and shard.lease_left_s > 0
    ]
    return min(left, default=EVERY_S) + LEASE_OVER_S
