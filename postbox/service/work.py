"""A service at work: its database is prepared, and then all its parts run, until it is stopped."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from postbox.errors import DatabaseUnavailable, SchemaMismatch
from postbox.mongo import Database, DatabaseClock, check_server, is_unavailable, reason
from postbox.outbox import Outbox
from postbox.runtime import Health, pause, until_stopped
from postbox.service.consumers import Consumers
from postbox.service.topology_keeper import TopologyKeeper

log: Final = structlog.get_logger()
PREPARE_RETRY_S: Final = 0.5
CLOCK_INTERVAL_S: Final = 2.0
LOOK_EVERY_S: Final = 0.02
Part = Callable[[asyncio.Event], Awaitable[None]]
Prepare = Callable[[Database], Awaitable[None]]


class Work:
    """Everything of a service that is not its HTTP edge."""

    def __init__(
        self,
        database: Database,
        *,
        clock: DatabaseClock,
        health: Health,
        outbox: Outbox,
        consumers: Consumers,
        keeper: TopologyKeeper,
    ) -> None:
        self._database = database
        self._clock = clock
        self._health = health
        self._outbox = outbox
        self._consumers = consumers
        self._keeper = keeper
        self._is_prepared = False
        self.parts: list[Part] = [keeper.run, self._keep_time]

    async def run(self, stop: asyncio.Event, prepare: Prepare | None) -> None:
        """Prepare the database, `prepare(database)` what is the service's own, and run all parts.

        An error that ends it is said at `health` and in the log, for the program around it may go
        on.
        """
        self._is_prepared = False
        if "service" in self._health.problems:  # the last run's
            self._health.ok("service")
        try:
            while not await self._prepared(prepare):
                if await pause(stop, PREPARE_RETRY_S):
                    return
            self._health.ok("database")
            self._is_prepared = True
            log.info("started")
            await until_stopped(stop, *(part(stop) for part in self.parts))
        except Exception as error:
            self._health.fail("service", str(error))
            log.error("the service cannot go on", reason=str(error))
            raise

    async def started(self, stop: asyncio.Event, *, limit_s: float) -> None:
        """Wait until the database is prepared and the queues were declared once.

        TryAgain says which is not, after `limit_s`.
        """
        try:
            async with asyncio.timeout(limit_s):
                while not (self._is_prepared and self._keeper.has_declared):
                    await pause(stop, LOOK_EVERY_S)
        except TimeoutError:
            self._keeper.require()
            problem = self._health.problems.get("database", "starting")
            raise DatabaseUnavailable(problem) from None

    async def _prepared(self, prepare: Prepare | None) -> bool:
        try:
            await self._clock.sync()
            await check_server(self._database.client)
            await self._outbox.prepare()
            await self._consumers.prepare()
            if prepare is not None:
                await prepare(self._database)
            await self._keeper.prepare()
        except PyMongoError as error:
            if not is_unavailable(error):
                problem = f"{self._database.name} cannot be prepared: {reason(error)}"
                raise SchemaMismatch(problem) from error
            self._health.fail("database", reason(error))
            log.warning("the database is unavailable", reason=reason(error))
            return False
        return True

    async def _keep_time(self, stop: asyncio.Event) -> None:
        """Follow the database's clock, and notice when the database is unavailable."""
        last: str | None = None
        while not await pause(stop, CLOCK_INTERVAL_S):
            problem = await self._clock.problem()
            if problem is None:
                self._health.ok("database")
            else:
                self._health.fail("database", problem)
                if problem != last:
                    log.warning("the database is unavailable", reason=problem)
            last = problem
