"""What goes wrong on the way is told on the spans of the flow: as events, not as more spans."""

import signal
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Final

import aio_pika
from pamqp.common import FieldTable

from postbox.mongo.errors import NO_SUCH_TRANSACTION, WRITE_CONFLICT
from scenarios.tracing.otlp import Span
from tests.eventually import eventually
from tests.postbox.failpoints import failing, short_lived_transactions
from tests.tracing.test_faults import decisions, named, waits
from tests.tracing.traced_system import DECISION, Customer, TracedSystem

CREATED: Final = "booking.intent.created"
BAD_VALUE = 2


async def test_a_transaction_that_is_retried(system: TracedSystem) -> None:
    """Goal: an event on the transaction's span, and nothing else. Method: its first commit meets a
    conflict."""
    customer = Customer()
    conflict = failing(
        system.stack.info.mongo.uri,
        "commitTransaction",
        times=1,
        application="gateway",
        errorCode=WRITE_CONFLICT,
        errorLabels=["TransientTransactionError"],
    )
    async with conflict:
        await system.book(customer)
    spans = await system.seen(customer, was_asked_for, "the request was exported")
    (request,) = requests(spans)
    assert len(named(spans, "gateway", f"create {CREATED}")) <= 2, "one a run at most"

    async def is_reported() -> bool:
        (commit,) = (
            one
            for one in system.receiver.spans
            if one.name == "commit group" and (request.trace_id, request.span_id) in one.links
        )
        assert commit.events == ("transaction retried",)
        assert commit.error is None
        return True

    await eventually(is_reported)


def was_asked_for(spans: Collection[Span]) -> bool:
    return len(requests(spans)) == 1


def requests(spans: Collection[Span]) -> list[Span]:
    return named(spans, "gateway", "POST /booking/intent")


async def test_a_message_whose_first_try_fails(system: TracedSystem) -> None:
    """Method: the booking service's next insert is refused, for no reason that would pass."""
    customer = Customer()
    refused = failing(
        system.stack.info.mongo.uri, "insert", times=1, application="booking", errorCode=BAD_VALUE
    )
    async with refused:
        await system.book(customer)
        spans = await system.seen(customer, waits, "it was tried again")
    (process,) = named(spans, "booking", f"process {CREATED}")
    assert process.events == ("try failed",)


async def test_a_message_that_is_given_back(system: TracedSystem) -> None:
    """Method: the booking service is stopped while the database commits nothing of its."""
    customer, uri = Customer(), system.stack.info.mongo.uri
    no_commit = failing(
        uri,
        "commitTransaction",
        application="booking",
        errorCode=NO_SUCH_TRANSACTION,
        errorLabels=[],
    )
    async with short_lived_transactions(uri):
        async with no_commit:
            await system.book(customer)
            await eventually(lambda: is_paused(system))
            await system.stack.hold("booking", signal.SIGTERM)
        await system.stack.release("booking")
        spans = await system.seen(customer, waits, "it was delivered again")
    first, second = sorted(
        named(spans, "booking", f"process {CREATED}"), key=lambda span: span.began_ns
    )
    assert first.events == ("given back",)
    assert DECISION not in first.attributes
    assert second.attributes["postbox.redelivered"] is True
    assert first.parent_id == second.parent_id


async def is_paused(system: TracedSystem) -> bool:
    lacking = await system.stack.lacks("booking")
    return lacking is not None


async def test_an_event_that_the_broker_refuses_and_a_relay_that_gives_it_up(
    system: TracedSystem,
) -> None:
    """Method: one more queue wants the event, and is full; the relay is stopped meanwhile."""
    customer = Customer()
    async with full_queue(system):
        await system.book(customer)
        await system.seen(customer, waits, "the other queue took it")
        await system.stack.hold("relay", signal.SIGTERM)
    await system.stack.release("relay")
    spans = await system.seen(customer, was_sent_twice, "both tries show")
    first, second = published(spans)
    assert set(first.events) == {"message nacked", "given up"}
    assert second.events == ()
    assert first.parent_id == second.parent_id
    assert sorted(set(decisions(spans, "booking", f"process {CREATED}"))) == ["duplicate", "wait"]


def was_sent_twice(spans: list[Span]) -> bool:
    return len(published(spans)) == 2 and len(decisions(spans, "booking", f"process {CREATED}")) > 1


def published(spans: list[Span]) -> list[Span]:
    found = named(spans, "relay", f"publish {CREATED}")
    return sorted(found, key=lambda span: span.began_ns)


@asynccontextmanager
async def full_queue(system: TracedSystem) -> AsyncIterator[None]:
    """It wants the same, holds one message, and refuses all others."""
    async with await aio_pika.connect(system.stack.info.rabbitmq.uri) as connection:
        channel = await connection.channel()
        limit: FieldTable = {
            "x-queue-type": "quorum",
            "x-max-length": 1,
            "x-overflow": "reject-publish",
        }
        queue = await channel.declare_queue("full", durable=True, arguments=limit)
        try:

            async def is_full() -> bool:
                try:
                    message = aio_pika.Message(b"x")
                    await channel.default_exchange.publish(message, routing_key="full")
                except aio_pika.exceptions.DeliveryError:
                    return True
                return False

            await eventually(is_full)
            await queue.bind("events", CREATED)
            yield
        finally:
            await channel.queue_delete("full")
