"""The lines to a running stack: HTTP, MongoDB and RabbitMQ."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import httpx
from pymongo import AsyncMongoClient

from scenarios.clients.broker import Broker
from stack.info import Info

HTTP_TIMEOUT_S: Final = 10.0

Document = dict[str, Any]
Mongo = AsyncMongoClient[Document]


@dataclass(frozen=True)
class Connections:
    info: Info
    http: httpx.AsyncClient
    mongo: Mongo
    broker: Broker


@asynccontextmanager
async def connect(info: Info) -> AsyncIterator[Connections]:
    """For as long as the block runs."""
    async with AsyncExitStack() as stack:
        # No connection is kept for the next request: its server may be killed in between.
        limits = httpx.Limits(max_keepalive_connections=0)
        http = await stack.enter_async_context(
            httpx.AsyncClient(timeout=HTTP_TIMEOUT_S, limits=limits, trust_env=False)
        )
        mongo: Mongo = await stack.enter_async_context(
            AsyncMongoClient(info.mongo.uri, tz_aware=True, readConcernLevel="majority")
        )
        broker = await stack.enter_async_context(Broker.connect(info.rabbitmq.uri))
        yield Connections(info, http, mongo, broker)


async def database_time(mongo: Mongo) -> datetime:
    """Now, by the clock that deadlines are judged by."""
    asked = await mongo.admin.aggregate([{"$documents": [{}]}, {"$project": {"now": "$$NOW"}}])
    [row] = await asked.to_list()
    now: datetime = row["now"]
    return now
