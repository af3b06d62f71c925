"""One source's relay: stands by for the lease, then publishes until it loses it or is stopped."""

import asyncio
import os
import random
import secrets
import socket
from typing import Final

import pymongo
import structlog
from pymongo.errors import PyMongoError

from postbox.database import Client, Database, connect, own_database
from postbox.errors import ConfigurationError
from postbox.program import pause
from postbox.source import Shard, Source
from postbox.tracing import untraced
from relay import instruments
from relay.checkpoint import Checkpoint, Term, keep
from relay.errors import LeaseLost
from relay.faults import is_passing, is_refused
from relay.link import Link
from relay.marker import Marker
from relay.options import Options
from relay.reader import Reader
from relay.rows import Rows
from relay.state import RelayHealth, State, Status
from relay.together import cancelled, first_of, together
from relay.window import Window

STANDBY_POLL_S: Final = 0.5
RETRY_FIRST_S: Final = 0.1
RETRY_MAX_S: Final = 2.0
QUESTION_TIMEOUT_S: Final = 3.0
RELEASE_TIMEOUT_S: Final = 1.0


class Relay:
    """Relays one shard of one source, on connections of its own."""

    def __init__(
        self,
        source: Source,
        rabbitmq_uri: str,
        *,
        health: RelayHealth,
        shard: Shard = Shard(),  # noqa: B008 - immutable
        options: Options = Options(),  # noqa: B008 - immutable
    ) -> None:
        self.name = source.name if shard.count == 1 else f"{source.name} {shard}"
        self._source = source
        self._rabbitmq_uri = rabbitmq_uri
        self._shard = shard
        self._options = options
        self.health = health
        self._status = Status(self.name, health)
        self._attributes = {"source": self.name}
        self._log = structlog.get_logger("relay").bind(source=self.name)

    @property
    def state(self) -> State:
        return self._status.state

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then drain, save, release, return."""
        client = self._connect()
        instruments.begin(self._attributes)
        try:
            database = own_database(client)
            with untraced():  # its polls and marks belong to no flow; each event has its own span
                await together(self._terms(database, stop), self._measure(database))
        finally:
            await client.close()

    def _connect(self) -> Client:
        try:
            client = connect(self._source.uri, application=f"relay {self.name}")
            own_database(client)
        except ConfigurationError as error:
            raise ConfigurationError(f"RELAY_SOURCES: {self._source.name}: {error}") from error
        return client

    async def _terms(self, database: Database, stop: asyncio.Event) -> None:
        """One term after another: whatever breaks, the next one starts from what was saved."""
        holder = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        checkpoint = Checkpoint(database, self._shard, holder=holder, lease_s=self._options.lease_s)
        delay_s = RETRY_FIRST_S
        while not stop.is_set():
            try:
                with pymongo.timeout(QUESTION_TIMEOUT_S):
                    term = await checkpoint.take()
                self._status.database_ok()
                delay_s = RETRY_FIRST_S
                if term is None:
                    await pause(stop, STANDBY_POLL_S)
                else:
                    await self._lead(database, term, stop)
            except LeaseLost as error:
                self._log.warning("the lease is lost; standing by", reason=str(error))
            except PyMongoError as error:
                if is_refused(error):
                    raise ConfigurationError(f"RELAY_SOURCES: {self.name}: {error}") from error
                if not is_passing(error):
                    raise
                self._status.database_failed(f"{type(error).__name__}: {error}")
                self._log.warning("the database is away", reason=str(error))
                await pause(stop, delay_s * random.uniform(0.5, 1.0))
                delay_s = min(RETRY_MAX_S, delay_s * 2)
            finally:
                self._status.enter(State.STANDBY)

    async def _lead(self, database: Database, term: Term, stop: asyncio.Event) -> None:
        """Publish for one term. Returns when stopped; LeaseLost or PyMongoError otherwise."""
        options = self._options
        self._log.info("took the lease", fence=term.fence, has_token=term.token is not None)
        rows = Rows(database, self._shard)
        window = Window(
            messages_max=options.window_messages_max, bytes_max=options.window_bytes_max
        )
        reader = Reader(self.name, database, rows, window, self._status, options)
        link = Link(
            self.name,
            self._rabbitmq_uri,
            window,
            term,
            self._status,
            deadline_s=options.publish_deadline_s,
        )
        marker = Marker(self.name, window, rows, term, idle_save_s=options.idle_save_s)
        await rows.prepare()
        reading = asyncio.ensure_future(reader.run(term.token))
        working = asyncio.ensure_future(
            together(link.run(), marker.run(), keep(term, options.lease_s), reader.silence.watch())
        )
        stopped = asyncio.ensure_future(_stopped(stop))
        instruments.leader.set(1, self._attributes)
        try:
            await first_of(reading, working, stopped)
            await cancelled(reading)
            self._status.enter(State.DRAINING)
            await self._drain(window, working)
            await cancelled(working)
            await self._resign(marker, term)
        finally:
            instruments.leader.set(0, self._attributes)
            await cancelled(reading, working, stopped)
            window.abandon()

    async def _drain(self, window: Window, working: "asyncio.Future[None]") -> None:
        """Wait until everything read is confirmed and marked, but not for long."""
        emptied = asyncio.ensure_future(window.emptied())
        try:
            async with asyncio.timeout(self._options.drain_s):
                await first_of(working, emptied)
        except TimeoutError:
            self._log.warning("not all could be published in time; it stays owed", rows=len(window))
        finally:
            await cancelled(emptied)

    async def _resign(self, marker: Marker, term: Term) -> None:
        with pymongo.timeout(RELEASE_TIMEOUT_S):
            await marker.save()
            await term.release()
        self._log.info("released the lease", fence=term.fence)

    async def _measure(self, database: Database) -> None:
        """Ask how far behind the relay is, standing by or not: a stuck reader cannot hide it."""
        rows = Rows(database, self._shard)
        checkpoint = Checkpoint(database, self._shard, holder="", lease_s=0)
        is_away = False
        while True:
            try:
                with pymongo.timeout(QUESTION_TIMEOUT_S):
                    instruments.pending.set(await rows.count_pending(), self._attributes)
                    age_s = await rows.oldest_pending_age_s()
                    instruments.oldest_pending_age.set(age_s, self._attributes)
                    token_age_s = await checkpoint.token_age_s()
            except PyMongoError as error:
                if not (is_passing(error) or is_refused(error)):
                    raise
                is_away = True
                self._status.database_failed(f"{type(error).__name__}: {error}")
            else:
                if is_away:
                    is_away = False
                    self._status.database_ok()
                if token_age_s is not None:
                    instruments.token_age.set(token_age_s, self._attributes)
            await asyncio.sleep(self._options.measure_every_s)


async def _stopped(stop: asyncio.Event) -> None:
    await stop.wait()
