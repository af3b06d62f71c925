"""Publishing again what was published before, for a consumer whose binding was missing.

It publishes by itself, with confirms, and leaves rows and relays alone: rows set back to pending
would look overdue to the relay and to every alarm. A repeat has the same message id, so that
consumers who had the event find it in their inbox.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from pymongo import ASCENDING
from pymongo.asynchronous.collection import AsyncCollection

from postbox.errors import BrokerUnavailable
from postbox.mongo import Database, Document, database_errors
from postbox.outbox import COLLECTION, PUBLISHED, Fields, Source, event_of_row, routing_key_of
from postbox.rabbitmq import (
    EXCHANGE,
    STRUCTURED,
    ContentMode,
    Outcome,
    Outgoing,
    Publisher,
    broker_errors,
    connected,
    raw_channel,
)

BATCH_ROWS: Final = 500
CONFIRM_TIMEOUT_S: Final = 10.0
COUNT_MAX: Final = 1_000_000
"""Counting stops here."""
AS_THEY_ARE: Final = Fields()

Done = Callable[[int, datetime], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """What was published in `[since, until)` by the database's clock; of `types`, if any."""

    since: datetime
    until: datetime
    types: tuple[str, ...] = ()

    @property
    def filter(self) -> dict[str, Any]:
        """It is found by the index of published rows."""
        only = {"type": {"$in": list(self.types)}} if self.types else {}
        published = {"$gte": self.since, "$lt": self.until}
        return {"published_at": published, "state": PUBLISHED, **only}


async def count(database: Database, time_range: TimeRange, *, collection: str = COLLECTION) -> int:
    """How many events that is; 1,000,000 means that many or more."""
    with database_errors():
        return await database[collection].count_documents(time_range.filter, limit=COUNT_MAX)


async def replay(
    source: Source,
    database: Database,
    uri: str,
    time_range: TimeRange,
    *,
    done: Done,
    exchange: str = EXCHANGE,
    mode: ContentMode = STRUCTURED,
    fields: Fields = AS_THEY_ARE,
) -> None:
    """Publish the range of `source`, whose database this is, in the order of its publishing.

    After each batch, all confirmed, `done` gets how many they were and when the last one of them
    was published: where this fails, it may be begun again from there. BrokerUnavailable where
    anything is not confirmed, DatabaseUnavailable where the rows cannot be read.
    """
    async with connected(uri, name="replay") as connection:
        with broker_errors("opening a channel for the replay"):
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            publisher = Publisher(await raw_channel(channel))
        async for rows in _batches(database[source.collection], time_range):
            await _publish(
                publisher, [_message(row, source, exchange, mode, fields) for row in rows]
            )
            done(len(rows), rows[-1]["published_at"])


async def send_again(
    source: Source,
    row: Document,
    uri: str,
    *,
    exchange: str = EXCHANGE,
    queue: str | None = None,
    mode: ContentMode = STRUCTURED,
) -> None:
    """Publish one published row again: to `exchange`, or to `queue` alone. BrokerUnavailable."""
    message = _message(row, source, exchange, mode, AS_THEY_ARE)
    if queue is not None:
        message = replace(message, exchange="", routing_key=queue)
    async with connected(uri, name="postbox: sending again") as connection:
        with broker_errors("opening a channel to send again"):
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            publisher = Publisher(await raw_channel(channel))
        await _publish(publisher, [message])


async def _batches(
    outbox: AsyncCollection[Document], time_range: TimeRange
) -> AsyncIterator[list[Document]]:
    cursor = outbox.find(
        time_range.filter, sort=[("published_at", ASCENDING)], batch_size=BATCH_ROWS
    )
    async with cursor:
        while True:
            with database_errors():
                rows = await cursor.to_list(BATCH_ROWS)
            if not rows:
                return
            yield rows


async def _publish(publisher: Publisher, messages: Sequence[Outgoing]) -> None:
    outcomes: dict[str, Outcome] = {}
    complete = asyncio.Event()

    def settled(message: Outgoing, outcome: Outcome) -> None:
        outcomes[message.message_id] = outcome
        if len(outcomes) == len(messages):
            complete.set()

    closing = asyncio.ensure_future(publisher.closed())
    waiting = asyncio.ensure_future(complete.wait())
    try:
        async with asyncio.timeout(CONFIRM_TIMEOUT_S):
            await publisher.send(messages, settled)
            await asyncio.wait((waiting, closing), return_when=asyncio.FIRST_COMPLETED)
    except TimeoutError as error:
        raise BrokerUnavailable(f"not all confirmed within {CONFIRM_TIMEOUT_S} s") from error
    finally:
        closing.cancel()
        waiting.cancel()
    _expect_confirmed(messages, outcomes)


def _expect_confirmed(messages: Sequence[Outgoing], outcomes: Mapping[str, Outcome]) -> None:
    found = Counter(outcomes.get(message.message_id, Outcome.LOST) for message in messages)
    if found.keys() != {Outcome.CONFIRMED}:
        said = ", ".join(f"{number} {outcome.value}" for outcome, number in found.items())
        raise BrokerUnavailable(f"publishing to the exchange {messages[0].exchange!r}: {said}")


def _message(
    row: Document, source: Source, exchange: str, mode: ContentMode, fields: Fields
) -> Outgoing:
    row = fields.row(row)
    event = event_of_row(row, source=source.default, inserted_at=row["published_at"])
    return mode.message(
        event,
        exchange=exchange,
        routing_key=routing_key_of(row),
        headers=fields.carried(row),
    )
