"""Crashes, restarts and dead letters stay in the trace of the flow that they befall."""

import signal
from collections.abc import Collection

import pytest

from postbox.operations import Selection
from postbox.operations.redrive import drop, redrive
from scenarios.tracing.otlp import Span
from scenarios.tracing.trace import orphans
from tests.eventually import eventually
from tests.tracing.traced_system import DECISION, USER, Customer, TracedSystem, invalid_capture
from tests.tracing.trees import TRIVIAL

QUEUE = "booking.events"


def named(spans: Collection[Span], service: str, name: str) -> list[Span]:
    return [span for span in spans if (span.service, span.name) == (service, name)]


def decisions(spans: Collection[Span], service: str, name: str) -> list[str]:
    return sorted(str(span.attributes.get(DECISION)) for span in named(spans, service, name))


def waits(spans: Collection[Span]) -> bool:
    """The booking service has the intent, and waits for the payment."""
    return "wait" in decisions(spans, "booking", "process booking.intent.created")


@pytest.mark.fault(16, "consumer killed between commit and acknowledgement")
async def test_a_consumer_that_dies_after_its_commit_leaves_one_trace(system: TracedSystem) -> None:
    """Goal: the redelivery shows as a duplicate; nothing is missing but what died with the process.

    Method: the booking service dies after the commit that confirms. Its own spans of that batch
    were not sent yet; the outbox row says which span the rest of the flow has as its parent. That
    one ends before the commit: where its export came in between, its parent is what is missing.
    """
    customer = Customer()
    await system.stack.hold("booking")
    await system.pay(customer, await system.book(customer))
    await system.stack.release("booking", {"CRASH_AT": "consumer.committed:1"}, wait=False)
    await system.becomes(customer, "confirmed")

    row = await system.mongo.booking.outbox.find_one({"subject": customer.intent_id})
    assert row is not None
    _, trace_id, lost, _ = row["traceparent"].split("-")
    assert trace_id == customer.trace_id

    def is_whole(spans: list[Span]) -> bool:
        missing = {span.parent_id for span in orphans(spans, remote={customer.span_id})}
        exported = {span.span_id: span.parent_id for span in spans}
        return (
            missing == {exported.get(lost, lost)}
            and decisions(spans, "booking", "process payment.captured") == ["duplicate"]
            and decisions(spans, "payment", "process booking.confirmed") == ["settle"]
        )

    spans = await system.seen(customer, is_whole, "the redelivery is a duplicate")
    (repeat,) = named(spans, "booking", "process payment.captured")
    assert repeat.attributes["postbox.redelivered"] is True


@pytest.mark.fault(6, "relay killed after the confirm")
async def test_a_relay_that_dies_before_it_marks_leaves_one_trace(system: TracedSystem) -> None:
    """Goal: the event that is published again is a second branch of the same trace. Method: the
    relay dies between the first confirm and its mark; the one that follows sends the row again."""
    customer = Customer()
    await system.stack.hold("relay")
    traceresponse = await system.book(customer)
    await system.stack.release("relay", {"CRASH_AT": "relay.confirmed:1"}, wait=False)

    def came_twice(spans: list[Span]) -> bool:
        handled = decisions(spans, "booking", "process booking.intent.created")
        return handled == ["duplicate", "wait"]

    await system.seen(customer, came_twice, "the relay that follows sends it again")
    await system.pay(customer, traceresponse)
    await system.becomes(customer, "confirmed")

    def is_whole(spans: list[Span]) -> bool:
        """All was sent, and at most the parent of what the first sending caused is missing."""
        lost = orphans(spans, remote={customer.span_id})
        return (
            came_twice(spans)
            and decisions(spans, "payment", "process booking.confirmed") == ["settle"]
            and {span.name for span in lost} <= {"process booking.intent.created"}
        )

    spans = await system.seen(customer, is_whole, "the event came twice")
    (create,) = named(spans, "gateway", "create booking.intent.created")
    for publish in named(spans, "relay", "publish booking.intent.created"):
        assert publish.parent_id == create.span_id


async def test_a_relay_restart_is_not_to_be_seen_in_the_tree(system: TracedSystem) -> None:
    """SIGTERM, and events that are published only by the relay that follows."""
    customer = Customer()
    await system.stack.hold("relay", signal.SIGTERM)
    traceresponse = await system.book(customer)
    await system.stack.release("relay")
    await system.seen(customer, waits, "the intent came first")
    await system.pay(customer, traceresponse)
    await system.becomes(customer, "confirmed")
    await system.tree(customer, TRIVIAL)


async def test_a_dead_letter_and_its_redrive_stay_in_the_trace(system: TracedSystem) -> None:
    """Poison is set aside, redriven by a person, and set aside again: all of it can be seen."""
    customer, uri = Customer(), system.stack.info.rabbitmq.uri
    message_id = await system.publish(customer, "payment.captured", invalid_capture(customer))
    this = Selection(ids=frozenset({message_id}))

    def dead(times: int) -> list[Span]:
        spans = named(system.traces[customer.trace_id], "booking", "process payment.captured")
        assert len(spans) == times
        return spans

    async def once() -> list[Span]:
        return dead(1)

    async def twice() -> list[Span]:
        return dead(2)

    await eventually(once)
    redriven: list[str] = []
    await redrive(uri, f"{QUEUE}.dead", this, done=lambda letter: redriven.append(letter.id))
    assert redriven == [message_id]
    for span in await eventually(twice):
        assert span.parent_id == customer.span_id
        assert span.attributes[DECISION] == "dead"
        assert span.attributes["postbox.dead.reason"] == "invalid"
        assert span.error is not None
        assert "amount" in span.error
        assert span.attributes["messaging.message.id"] == message_id
        assert USER not in span.error
    assert USER not in system.stack.layout.log("booking").read_text()

    async def is_empty() -> bool:
        for queue in (QUEUE, "gateway.events"):
            await drop(uri, f"{queue}.dead", this, done=lambda letter: None)
        return not await system.broker.dead_letters(QUEUE)

    await eventually(is_empty)
