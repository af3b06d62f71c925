"""An outbox of the bench's own, and the queue that its events go to; no service has a part in it.

Rows are committed as a service commits them: by `Outbox`, in transactions of 128.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aio_pika.abc import AbstractConnection
from aiormq.abc import AbstractChannel as RawChannel
from aiormq.abc import DeliveredMessage

from bench.errors import BenchFailed
from bench.relay.event import SOURCE, Measured, measured, traceparent
from bench.workbench import Workbench, until
from postbox.events import Fact
from postbox.mongo import Client, Database, DatabaseClock, Document, Session, transaction
from postbox.outbox import COLLECTION, Outbox
from postbox.rabbitmq import Topology, connected, raw_channel
from postbox.wait_for import wait_for

QUEUE: Final = "bench"
BATCH: Final = 128
OWED_BATCH: Final = 1_000
SILENCE_MAX_S: Final = 10.0
TOPOLOGY: Final = Topology(queues={QUEUE: (Measured.TYPE,)})


class Source:
    """The database `name` with its outbox, and a connection to the broker."""

    def __init__(
        self,
        client: Client,
        database: Database,
        connection: AbstractConnection,
        say: Callable[[str], None],
    ) -> None:
        self._client = client
        self._say = say
        self.database = database
        self.rows = database[COLLECTION]
        self.connection = connection
        self.outbox = Outbox(database, source=SOURCE, clock=DatabaseClock(client))

    @classmethod
    @asynccontextmanager
    async def fresh(cls, bench: Workbench, name: str = "bench") -> AsyncIterator["Source"]:
        """An empty outbox, gone afterwards, and the queue, empty.

        The queue stays: a busy broker may take longer than a client waits to delete one.
        """
        async with connected(bench.stack.info.rabbitmq.uri, name="bench") as connection:
            source = cls(bench.client, bench.client[name], connection, bench.say)
            await bench.client.drop_database(name)
            await source.outbox.prepare()
            channel = await connection.channel()
            await TOPOLOGY.declare(channel)
            await channel.close()
            await (await source.raw_channel()).queue_purge(QUEUE)
            yield source
            await bench.client.drop_database(name)

    async def commit(
        self,
        facts: Sequence[Fact],
        committing: Callable[[Sequence[Document]], None] = lambda rows: None,
    ) -> list[Document]:
        """Commit events in one transaction; the rows as they were written.

        `committing` is called with them just before the commit is sent.
        """
        rows = self.outbox.rows(facts)
        await self._commit(rows, committing)
        return rows

    async def _commit(
        self,
        rows: Sequence[Document],
        committing: Callable[[Sequence[Document]], None] = lambda rows: None,
    ) -> None:
        async def body(session: Session) -> None:
            await self.outbox.insert(session, rows)
            committing(rows)

        await transaction(self._client, body)

    async def fill(self, count: int, *, sampled_every: int = 0) -> list[str]:
        """Commit `count` events, one transaction after another; their ids in that order.

        Each is in a trace of its own, and one in `sampled_every` says that it is recorded.
        """
        ids: list[str] = []
        for first in range(0, count, BATCH):
            numbers = range(first, min(first + BATCH, count))
            rows = self.outbox.rows(map(measured, numbers))
            for number, row in zip(numbers, rows, strict=True):
                is_sampled = sampled_every > 0 and number % sampled_every == 0
                row["traceparent"] = traceparent(is_sampled=is_sampled)
            await self._commit(rows)
            ids += [row["_id"] for row in rows]
        return ids

    async def add_pending(self, count: int) -> list[str]:
        """Insert `count` pending rows, a thousand at a time and outside any transaction: sooner
        done, and the relay cannot tell. Their ids in the order of the relay's reading."""
        ids: list[str] = []
        for first in range(0, count, OWED_BATCH):
            numbers = range(first, min(first + OWED_BATCH, count))
            rows = self.outbox.rows(map(measured, numbers))
            await self.rows.insert_many(rows, ordered=False)
            ids += [row["_id"] for row in rows]
        return ids

    async def all_marked(self, last_id: str, *, limit_s: float) -> None:
        """Wait until every row is marked published, the last one first: that look is cheap."""

        async def last_is_marked() -> bool:
            row = await self.rows.find_one({"_id": last_id}, {"state": 1})
            return row is not None and row["state"] == "published"

        async def none_is_pending() -> bool:
            return await self.rows.find_one({"state": "pending"}, hint="pending") is None

        await until(last_is_marked, "the relay to mark all rows", limit_s=limit_s)
        await until(none_is_pending, "the relay to mark all rows", limit_s=limit_s)

    async def raw_channel(self) -> RawChannel:
        return await raw_channel(await self.connection.channel(publisher_confirms=False))

    async def depth(self) -> int:
        """How many messages wait in the queue."""
        channel = await self.raw_channel()
        declared = await channel.queue_declare(QUEUE, passive=True)
        await channel.close()
        return declared.message_count or 0

    async def emptied(self, count: int) -> None:
        """Empty the queue, which has to hold `count` messages at least. BenchFailed for a loss.

        More are repeats, which a connection that was dropped leaves: they are reported.
        """
        channel = await self.raw_channel()
        purged = await channel.queue_purge(QUEUE)
        await channel.close()
        arrived = purged.message_count or 0
        if arrived < count:
            raise BenchFailed(f"{arrived:,} messages in the queue for {count:,} rows")
        if arrived > count:
            self._say(f"{arrived - count:,} of {count:,} events arrived twice")


class FirstDelivery:
    """Waits for one message and keeps the others in the queue: it costs the broker nothing."""

    def __init__(self, channel: RawChannel) -> None:
        self._channel = channel
        self._first: asyncio.Future[tuple[float, DeliveredMessage]] = (
            asyncio.get_running_loop().create_future()
        )

    @classmethod
    async def awaited(cls, source: Source) -> "FirstDelivery":
        """Begin to wait."""
        channel = await source.raw_channel()
        self = cls(channel)
        await channel.basic_qos(prefetch_count=1)
        await channel.basic_consume(QUEUE, self._deliver)
        return self

    async def _deliver(self, message: DeliveredMessage) -> None:
        if not self._first.done():
            self._first.set_result((asyncio.get_running_loop().time(), message))

    async def at_s(self, *, limit_s: float) -> float:
        """When it came, by the loop's clock."""
        try:
            return (await wait_for(asyncio.shield(self._first), limit_s))[0]
        except TimeoutError as error:
            raise BenchFailed(f"no event came within {limit_s:.0f} s") from error

    async def take(self) -> DeliveredMessage:
        """Take it out of the queue, and wait no more."""
        message = self._first.result()[1]
        await self._channel.basic_ack(message.delivery_tag or 0)
        await self._channel.close()
        return message


def event_id(message: DeliveredMessage) -> str:
    return message.header.properties.message_id or ""


async def drained(source: Source, count: int) -> list[str]:
    """Take everything out of the queue, `count` at least; the event ids as they came."""
    ids: list[str] = []
    arrived = asyncio.Event()

    async def deliver(message: DeliveredMessage) -> None:
        ids.append(event_id(message))
        arrived.set()

    channel = await source.raw_channel()
    await channel.basic_consume(QUEUE, deliver, no_ack=True)
    try:
        while len(ids) < count:
            arrived.clear()
            async with asyncio.timeout(SILENCE_MAX_S):
                await arrived.wait()
    except TimeoutError as error:
        raise BenchFailed(f"{count - len(ids):,} of {count:,} events never came") from error
    finally:
        await channel.close()
    return ids
