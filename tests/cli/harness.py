"""The command line as a program, and the servers and rows that it works on."""

import asyncio
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import aio_pika
import orjson
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from pamqp import commands
from typer.testing import CliRunner

from postbox.cli import app
from postbox.consumer.dead_letters import DeadLetters
from postbox.consumer.delivery import Delivery
from postbox.events import Event, new_id, partition
from postbox.events.cloudevents import CONTENT_TYPE, encode
from postbox.mongo import Client, DatabaseClock, Document, own_database
from postbox.rabbitmq import Topology, frames
from stack.supervision.process import ROOT
from tests.conftest import Space
from tests.eventually import eventually

TYPE = "order.placed"
RUN_LIMIT_S = 20.0
VARIABLES = ("RELAY_SOURCES", "RABBITMQ_URI", "DEAD_QUEUES")

TRACE: Final = {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.out)


async def run(*arguments: str, answer: str = "", **variables: str) -> Ran:
    """Run a command in this process, with no other variables of ours set."""
    environment = {**dict.fromkeys(VARIABLES), **variables}
    result = await asyncio.to_thread(
        CliRunner().invoke, app, arguments, input=answer, env=environment
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)


async def postbox(*arguments: str, answer: str = "", **variables: str) -> Ran:
    """Run `python -m postbox`, a process of its own, with no other variables of ours set."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "postbox", *arguments),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(answer.encode()), RUN_LIMIT_S)
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


class CliHarness:
    """One outbox, named shop, and one consumer's queue, which nobody consumes."""

    def __init__(self, space: Space, client: Client, channel: AbstractChannel) -> None:
        self.space = space
        self.database = own_database(client)
        self.clock = DatabaseClock(client)
        self.rows = self.database["outbox"]
        self.channel = channel
        self.queue = space.queue
        self.dead = f"{space.queue}.dead"
        self.unrouted = f"{space.exchange}.unrouted"

    async def run(self, *arguments: str, answer: str = "", **variables: str) -> Ran:
        return await run(*arguments, answer=answer, **{**self.variables, **variables})

    @property
    def variables(self) -> dict[str, str]:
        """What has to be in a command's environment."""
        return {
            "RELAY_SOURCES": f"shop={self.space.mongo_uri}",
            "RABBITMQ_URI": self.space.rabbitmq_uri,
            "DEAD_QUEUES": self.queue,
        }

    # --- the outbox

    async def add(self, count: int = 1, *, age_s: float = 0, **changes: object) -> list[str]:
        """Rows of that age, pending unless told otherwise."""
        at = datetime.now(UTC) - timedelta(seconds=age_s)
        rows: list[Document] = [
            {
                "_id": new_id(),
                "type": TYPE,
                "subject": f"s{number}",
                "source": "/test",
                "time": at,
                "data": {"n": number},
                "traceparent": f"00-{number + 1:032x}-{1:016x}-01",
                "partition": partition(f"s{number}"),
                "state": "pending",
                **changes,
            }
            for number in range(count)
        ]
        await self.rows.insert_many(rows)
        return [row["_id"] for row in rows]

    async def add_published(self, count: int, *, age_s: float, **changes: object) -> list[str]:
        at = datetime.now(UTC) - timedelta(seconds=age_s)
        return await self.add(count, age_s=age_s, state="published", published_at=at, **changes)

    async def add_parked(self, reason: str, **changes: object) -> str:
        parked = {"reason": reason, "at": datetime.now(UTC)}
        (id_,) = await self.add(1, age_s=90, state="parked", parked=parked, **changes)
        return id_

    # --- the broker

    async def set_aside(self, reason: str = "invalid", *, type_: str = TYPE) -> str:
        """A dead letter, as a consumer leaves it."""
        event = self.event(type_)
        properties = commands.Basic.Properties(
            message_id=event.id, message_type=type_, content_type=CONTENT_TYPE
        )
        delivery: Delivery[Any] = Delivery(
            tag=1,
            routing_key=type_,
            body=encode(event),
            headers=TRACE,
            properties=properties,
            redelivered=False,
            raw=frames.properties(
                content_type=CONTENT_TYPE, message_id=event.id, type_=type_, headers=TRACE
            ),
        )
        topology = Topology(exchange=self.space.exchange, queues={self.queue: [TYPE]})
        letters = DeadLetters(self.space.rabbitmq_uri, topology, name="tests", clock=self.clock)
        await letters.set_aside(delivery, queue=self.queue, reason=reason, text="it was no good")
        await letters.close()
        return event.id

    async def publish(self, type_: str) -> str:
        """An event, as a relay publishes it."""
        event = self.event(type_)
        exchange = await self.channel.get_exchange(self.space.exchange, ensure=False)
        message = aio_pika.Message(
            encode(event), content_type=CONTENT_TYPE, message_id=event.id, type=type_
        )
        await exchange.publish(message, type_)
        return event.id

    def event(self, type_: str) -> Event:
        return Event(
            id=new_id(),
            type=type_,
            subject="s1",
            source="/test",
            time=datetime.now(UTC),
            data={"n": 1},
        )

    async def count(self, queue: str) -> int:
        declared = await self.channel.declare_queue(queue, passive=True)
        return declared.declaration_result.message_count or 0

    async def holds(self, queue: str, count: int) -> None:
        """Returns once `queue` holds so many messages."""

        async def look() -> bool:
            found = await self.count(queue)
            assert found == count, f"{queue} holds {found} messages"
            return True

        await eventually(look)

    async def pull(self, queue: str, count: int) -> list[AbstractIncomingMessage]:
        """Take all out of `queue`, which has to hold so many."""
        await self.holds(queue, count)
        found = await self.channel.get_queue(queue, ensure=False)
        return [await found.get(no_ack=True) for _ in range(count)]


def headers(message: AbstractIncomingMessage) -> dict[str, Any]:
    """A message's headers without the one that the broker adds at each delivery."""
    return {name: value for name, value in message.headers.items() if name != "x-delivery-count"}
