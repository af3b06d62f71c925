"""One outbox with a queue behind it, and the relays that a test sets to work on them."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

import aio_pika
import orjson
from aio_pika.abc import AbstractIncomingMessage, AbstractQueue
from pymongo.read_concern import ReadConcern

from postbox.events import new_id, partition
from postbox.mongo import DatabaseClock, Document, connect, own_database
from postbox.outbox import Outbox, Shard, Source
from postbox.rabbitmq import Topology
from relay.options import Options
from relay.relay import WHOLE, Relay
from relay.state import RelayHealth
from stack.servers.mongod import Mongod
from stack.servers.ports import LOOPBACK, free_port
from stack.servers.rabbitmq import RabbitMQ
from stack.supervision.process import ROOT
from tests.eventually import eventually

PATIENCE_S: Final = 60.0
QUORUM: Final = {"x-queue-type": "quorum"}


class RelayHarness:
    """Types are `<name>.made`, so that many harnesses can share one broker."""

    def __init__(self, mongod: Mongod, rabbitmq: RabbitMQ, directory: Path) -> None:
        self.name = f"t{uuid4().hex[:10]}"
        self.mongod = mongod
        self.rabbitmq = rabbitmq
        self.directory = directory
        self.client = connect(self.source.uri, application="test")
        self.database = own_database(self.client)
        self.rows = self.database["outbox"]
        self.arrived: list[str] = []

    @property
    def source(self) -> Source:
        return Source(self.name, self.mongod.database(self.name))

    async def __aenter__(self) -> Self:
        try:
            await self._prepare()
        except BaseException:
            await self.client.close()
            raise
        return self

    async def _prepare(self) -> None:
        await Outbox(self.database, source="/test", clock=DatabaseClock(self.client)).prepare()
        async with await aio_pika.connect(self.rabbitmq.uri) as connection:
            channel = await connection.channel()
            await Topology(queues={self.name: [f"{self.name}.#"]}).declare(channel)

    async def __aexit__(self, *_: object) -> None:
        async with await aio_pika.connect(self.rabbitmq.uri) as connection:
            channel = await connection.channel()
            for queue in (self.name, f"{self.name}.dead"):
                await channel.queue_delete(queue)
        await self.client.drop_database(self.name)
        await self.client.close()

    # --- what the service does

    def row(self, number: int = 0, **changes: object) -> Document:
        subject = f"s{number % 10}"
        return {
            "_id": new_id(),
            "type": f"{self.name}.made",
            "subject": subject,
            "source": "/test",
            "time": datetime.now(UTC),
            "data": {"n": number},
            "partition": partition(subject),
            "state": "pending",
            **changes,
        }

    async def add(self, count: int, **changes: object) -> list[str]:
        """Commit `count` rows in one transaction's worth; their ids in order."""
        return await self.insert([self.row(number, **changes) for number in range(count)])

    async def add_backwards(self, count: int) -> list[str]:
        """As `add`, by a clock that runs backwards: their order is the stream's alone to tell."""
        now, tick = datetime.now(UTC), timedelta(milliseconds=1)
        return await self.insert([self.row(n, time=now - n * tick) for n in range(count)])

    async def insert(self, rows: list[Document]) -> list[str]:
        await self.rows.insert_many(rows)
        return [row["_id"] for row in rows]

    # --- what is to be seen of it

    async def pull(self) -> list[str]:
        """Take out what the queue holds; the ids of all that ever arrived, in order of arrival."""
        async with await aio_pika.connect(self.rabbitmq.uri) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(self.name, passive=True)
            for message in await taken(queue):
                assert message.message_id is not None
                assert orjson.loads(message.body)["id"] == message.message_id
                self.arrived.append(message.message_id)
        return self.arrived

    async def messages(self) -> list[AbstractIncomingMessage]:
        """Take out what the queue holds, as it came."""
        async with await aio_pika.connect(self.rabbitmq.uri) as connection:
            channel = await connection.channel()
            return await taken(await channel.declare_queue(self.name, passive=True))

    async def states(self) -> dict[str, int]:
        cursor = await self.rows.aggregate([{"$group": {"_id": "$state", "n": {"$sum": 1}}}])
        return {row["_id"]: row["n"] async for row in cursor}

    async def is_all_published(self) -> bool:
        return set(await self.states()) == {"published"}

    async def published(self) -> None:
        """Wait until all rows are marked."""
        await eventually(self.is_all_published, limit_s=PATIENCE_S)

    async def delivered(self, ids: list[str]) -> None:
        """Wait until all of `ids` arrived and are marked."""
        await eventually(self.is_all_published, limit_s=PATIENCE_S)
        missing = set(ids) - set(await self.pull())
        assert not missing, f"marked, but never arrived: {missing}"

    async def delivered_in_order(self, ids: list[str]) -> None:
        """Wait for `ids`; each came for the first time in its turn, whatever came again later."""
        await self.delivered(ids)
        assert list(dict.fromkeys(self.arrived)) == ids

    async def checkpoint(self, shard: str = "0/1") -> Document:
        return await self.database["relay_checkpoint"].find_one({"_id": shard}) or {}

    async def has_token(self) -> bool:
        return "token" in await self.checkpoint()

    async def has_idle_cursor(self) -> bool:
        """Whether somebody has read a first batch of the outbox and not yet asked for the next."""
        return bool(await self._idle_cursors())

    async def is_primary(self) -> bool:
        return await self.mongod.probe() is None

    async def rows_read(self) -> int:
        """How many rows were read by cursors that are open and not asked for more just now."""
        return sum(one["cursor"]["nDocsReturned"] for one in await self._idle_cursors())

    async def _idle_cursors(self) -> list[Document]:
        admin = self.client.get_database("admin", read_concern=ReadConcern("local"))
        cursor = await admin.aggregate(
            [
                {"$currentOp": {"idleCursors": True}},
                {"$match": {"type": "idleCursor", "ns": f"{self.name}.outbox"}},
            ]
        )
        return await cursor.to_list()

    async def register_queue(self) -> None:
        """Make RabbitMQ write down now that the queue exists, which else it does 3 s late.

        A quorum queue younger than that has lost all its messages when the broker is killed.
        """
        await self.rabbitmq.ctl("eval", "[dets:sync(Table) || Table <- dets:all()].")

    async def limit_queue(self, messages: int) -> None:
        """What the queue would hold beyond that it refuses; it looks when it gets shorter."""
        limit = (f"^{self.name}$", f'{{"max-length":{messages}}}', "--apply-to", "queues")
        await self.rabbitmq.ctl("set_policy", self.name, *limit)

    async def behind_the_token(self) -> set[str]:
        """The ids of the rows that a relay would not read again, by the token that is saved."""
        token = (await self.checkpoint()).get("token")
        if token is None:
            return set()
        ids = {row["_id"] async for row in self.rows.find({}, {"_id": 1})}
        stream = await self.rows.watch(
            [{"$match": {"operationType": "insert"}}], start_after=token, max_await_time_ms=200
        )
        async with stream:
            while (change := await stream.try_next()) is not None:
                ids.discard(change["documentKey"]["_id"])
        return ids

    # --- relays

    @asynccontextmanager
    async def relaying(
        self,
        options: Options = Options(),  # noqa: B008 - immutable
        shards: Sequence[Shard] = WHOLE,
        *,
        source: Source | None = None,
        rabbitmq_uri: str | None = None,
        **more: Any,
    ) -> AsyncIterator[Relay]:
        """A relay in this process. It has to stop within its limit, and not to have failed."""
        stop = asyncio.Event()
        relay = Relay(
            source or self.source,
            rabbitmq_uri or self.rabbitmq.uri,
            health=RelayHealth(),
            shards=shards,
            options=options,
            **more,
        )
        running = asyncio.ensure_future(relay.run(stop))
        try:
            yield relay
        finally:
            stop.set()
            await asyncio.wait_for(running, 10)

    @asynccontextmanager
    async def streaming(
        self,
        options: Options = Options(),  # noqa: B008 - immutable
    ) -> AsyncIterator[Relay]:
        """A relay that has saved a token: what is added from now on comes by the stream."""
        async with self.relaying(replace(options, idle_save_s=0.1)) as relay:
            await eventually(self.has_token)
            yield relay

    @asynccontextmanager
    async def program(self, **variables: str) -> AsyncIterator["RelayProgram"]:
        """`python -m relay`, killed at the end if it still runs."""
        program = RelayProgram(self, variables)
        await program.start()
        try:
            yield program
        finally:
            await program.kill()


class RelayProgram:
    """A relay in a process of its own."""

    def __init__(self, harness: RelayHarness, variables: dict[str, str]) -> None:
        self.port = free_port()
        self.log = harness.directory / f"relay-{self.port}.log"
        self._environment = {
            "PATH": os.environ["PATH"],
            "RELAY_SOURCES": f"{harness.source.name}={harness.source.uri}",
            "RABBITMQ_URI": harness.rabbitmq.uri,
            "RELAY_PORT": str(self.port),
            "HTTP_HOST": LOOPBACK,
            **variables,
        }
        self._process: asyncio.subprocess.Process | None = None

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "relay"),
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self, within_s: float = PATIENCE_S) -> int:
        return await asyncio.wait_for(self.process.wait(), within_s)

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    @property
    def rss_peak_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024


async def taken(queue: AbstractQueue) -> list[AbstractIncomingMessage]:
    """What the queue held when it was declared, and what came since."""
    messages: list[AbstractIncomingMessage] = []
    expected = queue.declaration_result.message_count or 0
    if expected == 0:
        return messages

    async def take(message: AbstractIncomingMessage) -> None:
        messages.append(message)

    tag = await queue.consume(take, no_ack=True)

    async def are_there() -> bool:
        return len(messages) >= expected

    await eventually(are_there)
    await queue.cancel(tag)
    return messages
