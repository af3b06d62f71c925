"""One source's relay: a candidate for each shard that may be its own, and what they share."""

import asyncio
import os
import secrets
import socket
from collections.abc import Sequence
from typing import Final

from postbox.database import Client, Database, connect, own_database
from postbox.errors import ConfigurationError
from postbox.source import Shard, Source
from postbox.topology import EXCHANGE
from postbox.tracing import untraced
from relay.candidate import Candidate, Post
from relay.lag import measure
from relay.members import Sharing
from relay.options import Options
from relay.seats import Seats
from relay.state import RelayHealth, State, Status
from relay.tasks import everyone, together

WHOLE: Final = (Shard(),)


class Relay:
    """Relays a source: one shard of it, such as the whole, or a fair share of several."""

    def __init__(
        self,
        source: Source,
        rabbitmq_uri: str,
        *,
        health: RelayHealth,
        shards: Sequence[Shard] = WHOLE,
        exchange: str = EXCHANGE,
        options: Options = Options(),  # noqa: B008 - immutable
    ) -> None:
        """Several `shards` have to be all there are: the relays that are alive share them."""
        self.health = health
        self._source = source
        self._rabbitmq_uri = rabbitmq_uri
        self._exchange = exchange
        self._options = options
        self._holder = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        self._statuses = {shard: Status(source.name, shard, health) for shard in shards}

    @property
    def state(self) -> State:
        """Of the only, or the first, shard."""
        return next(iter(self._statuses.values())).state

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then drain, save, release, return."""
        client = self._connect()
        try:
            with untraced():  # its polls and marks belong to no flow; each event has its own span
                await self._work(own_database(client), stop)
        finally:
            await client.close()

    def _connect(self) -> Client:
        try:
            client = connect(self._source.uri, application=f"relay {self._source.name}")
            own_database(client)
        except ConfigurationError as error:
            raise ConfigurationError(f"RELAY_SOURCES: {self._source.name}: {error}") from error
        return client

    async def _work(self, database: Database, stop: asyncio.Event) -> None:
        is_shared = len(self._statuses) > 1
        seats = Seats(0 if is_shared else 1)
        post = Post(
            database=database,
            rabbitmq_uri=self._rabbitmq_uri,
            exchange=self._exchange,
            holder=self._holder,
            options=self._options,
        )
        candidates = [
            Candidate(post, shard, status, seats) for shard, status in self._statuses.items()
        ]
        working = everyone(_close(seats, stop), *(one.run(stop) for one in candidates))
        measuring = measure(
            self._source.name, database, self._statuses, every_s=self._options.measure_every_s
        )
        if not is_shared:
            await together(working, measuring)
            return
        sharing = Sharing(
            self._source.name,
            database,
            seats,
            holder=self._holder,
            shards=len(candidates),
            lease_s=self._options.lease_s,
        )
        await together(working, measuring, sharing.keep())
        await sharing.leave()


async def _close(seats: Seats, stop: asyncio.Event) -> None:
    await stop.wait()
    seats.close()
