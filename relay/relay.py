"""One source's relay: stands by until it gets the lease, then publishes until it loses it or is stopped."""

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
from relay import instruments
from relay.checkpoint import Checkpoint, Term, keep
from relay.errors import LeaseLost
from relay.faults import is_passing, is_refused
from relay.link import Link
from relay.marker import Marker
from relay.options import Options
from relay.reader import Reader
from relay.rows import Rows
from relay.source import Shard, Source
from relay.state import RelayHealth, State, Status
from relay.together import cancelled, together
from relay.window import Window

STANDBY_POLL_S: Final = 0.5
RETRY_FIRST_S: Final = 0.1
RETRY_MAX_S: Final = 2.0
QUESTION_TIMEOUT_S: Final = 3.0
RELEASE_TIMEOUT_S: Final = 1.0


class Relay:
    """Relays one shard of one source. It has its own connections, and shares nothing with another."""

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
        self._status = Status(self.name, health)
        self._attributes = {"source": self.name}
        self._log = structlog.get_logger("relay").bind(source=self.name)

    @property
    def state(self) -> State:
        return self._status.state

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then drain, save, release, return."""
        client = connect(self._source.uri, application=f"relay {self.name}")
        try:
            measuring = asyncio.ensure_future(self._measure(client))
            terms = asyncio.ensure_future(self._terms(client, stop))
            try:
                await asyncio.wait((measuring, terms), return_when=asyncio.FIRST_COMPLETED)
            finally:
                await cancelled(measuring, terms)
            for task in (measuring, terms):
                if not task.cancelled():
                    task.result()
        finally:
            await client.close()
