"""One source's relay: a candidate for each of its shards, and what the candidates share."""

import asyncio
import os
import secrets
import socket
from collections.abc import Sequence
from typing import Final

from postbox.errors import ConfigurationError
from postbox.mongo import Client, Database, connect, own_database
from postbox.outbox import Fields, Shard, Source
from postbox.rabbitmq import EXCHANGE, STRUCTURED, ContentMode, Declare
from postbox.runtime import everyone, together
from postbox.telemetry import untraced
from relay.context import SourceContext
from relay.lead import Candidate, LeaderQuota, Rebalancer, measure
from relay.options import Options
from relay.state import RelayHealth, State, Status

WHOLE: Final = (Shard(),)


class Relay:
    """Relays a source: one shard of it, which may be the whole, or a fair share of several."""

    def __init__(
        self,
        source: Source,
        rabbitmq_uri: str,
        *,
        health: RelayHealth,
        shards: Sequence[Shard] = WHOLE,
        exchange: str = EXCHANGE,
        mode: ContentMode = STRUCTURED,
        declare: Declare = "all",
        fields: Fields = Fields(),  # noqa: B008 - immutable
        options: Options = Options(),  # noqa: B008 - immutable
    ) -> None:
        """Several `shards` have to be all that there are: relays that are alive share them."""
        self.health = health
        self._source = source
        self._rabbitmq_uri = rabbitmq_uri
        self._exchange = exchange
        self._mode = mode
        self._declare: Declare = declare
        self._fields = fields
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
            with untraced():  # polls and marks belong to no trace; each event has its own span
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
        quota = LeaderQuota(0 if is_shared else 1)
        context = SourceContext(
            source=self._source,
            database=database,
            rabbitmq_uri=self._rabbitmq_uri,
            exchange=self._exchange,
            mode=self._mode,
            declare=self._declare,
            fields=self._fields,
            holder=self._holder,
            options=self._options,
        )
        candidates = [
            Candidate(context, shard, status, quota) for shard, status in self._statuses.items()
        ]
        working = everyone(
            _close_on_stop(quota, stop), *(candidate.run(stop) for candidate in candidates)
        )
        measuring = measure(context, self._statuses)
        if not is_shared:
            await together(working, measuring)
            return
        rebalancer = Rebalancer(context, quota, shards=len(candidates))
        await together(working, measuring, rebalancer.run())
        await rebalancer.leave()


async def _close_on_stop(quota: LeaderQuota, stop: asyncio.Event) -> None:
    await stop.wait()
    quota.close()
