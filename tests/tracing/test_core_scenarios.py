"""Each core scenario is one trace, from the customer's own span to the last consumer.

The customer's browser begins the trace; the provider carries our trace context back.
"""

from tests.eventually import eventually
from tests.tracing.traced_system import PRICE, Customer, TracedSystem
from tests.tracing.trees import AMOUNT_MISMATCH, DUPLICATES, PAID, PAYMENT_FIRST, TRIVIAL


async def test_trivial(system: TracedSystem) -> None:
    customer = Customer()
    traceresponse = await system.book(customer)
    assert traceresponse.split("-")[1] == customer.trace_id
    await system.pay(customer, traceresponse)
    view = await system.becomes(customer, "confirmed")
    assert {entry["traceId"] for entry in view["timeline"]} == {customer.trace_id}
    await system.tree(customer, TRIVIAL)


async def test_payment_first(system: TracedSystem) -> None:
    customer = Customer()
    await system.pay(customer, customer.traceparent)
    await system.becomes(customer, "payment_received_first")
    await system.book(customer)
    await system.becomes(customer, "confirmed")
    await system.tree(customer, PAYMENT_FIRST)


async def test_amount_mismatch_with_its_refund(system: TracedSystem) -> None:
    customer = Customer()
    await system.pay(customer, await system.book(customer), amount=PRICE - 1)
    await system.becomes(customer, "failed")
    await system.tree(customer, AMOUNT_MISMATCH)


async def test_duplicate_events(system: TracedSystem) -> None:
    customer = Customer()
    async with system.broker.tap() as tap:
        await system.pay(customer, await system.book(customer), repeat=2)
        await system.becomes(customer, "confirmed")
        heard = {one.type: one for one in await tap.heard({customer.intent_id})}
    await system.broker.publish_again(heard["booking.confirmed"])
    await system.tree(customer, DUPLICATES)


async def test_booking_service_down(system: TracedSystem) -> None:
    """What waited in the queue while it was unavailable goes on in the same trace."""
    customer = Customer()
    await system.stack.hold("booking")
    await system.pay(customer, await system.book(customer))
    await system.stack.release("booking")
    await system.becomes(customer, "confirmed")
    await system.tree(customer, TRIVIAL)


async def test_where_the_provider_carries_nothing_back_a_link_joins_two_traces(
    system: TracedSystem,
) -> None:
    customer = Customer()
    await system.book(customer)
    await system.pay(customer, None)
    await system.becomes(customer, "confirmed")

    async def webhook_trace() -> str:
        found = system.traces.about(customer.intent_id)
        assert len(found) == 2
        assert found[0] == customer.trace_id
        return found[1]

    other = await eventually(webhook_trace)
    spans = await system.tree_of(other, PAID)
    (joining,) = (span for span in spans if span.links)
    assert joining.name == "process payment.captured"
    assert joining.attributes["booking.decision"] == "confirm"
    assert [trace_id for trace_id, _ in joining.links] == [customer.trace_id]
