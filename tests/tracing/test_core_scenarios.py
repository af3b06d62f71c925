"""Each core scenario is one trace, from the customer's own span to the last consumer.

The customer's browser begins the trace; the provider carries our trace context back.
"""

from tests.eventually import eventually
from tests.tracing.town import PRICE, Customer, Town
from tests.tracing.trees import AMOUNT_MISMATCH, DUPLICATES, PAID, PAYMENT_FIRST, TRIVIAL


async def test_trivial(town: Town) -> None:
    customer = Customer()
    traceresponse = await town.book(customer)
    assert traceresponse.split("-")[1] == customer.trace_id
    await town.pay(customer, traceresponse)
    view = await town.becomes(customer, "confirmed")
    assert {entry["traceId"] for entry in view["timeline"]} == {customer.trace_id}
    await town.tree(customer, TRIVIAL)


async def test_payment_first(town: Town) -> None:
    customer = Customer()
    await town.pay(customer, customer.traceparent)
    await town.becomes(customer, "payment_received_first")
    await town.book(customer)
    await town.becomes(customer, "confirmed")
    await town.tree(customer, PAYMENT_FIRST)


async def test_amount_mismatch_with_its_refund(town: Town) -> None:
    customer = Customer()
    await town.pay(customer, await town.book(customer), amount=PRICE - 1)
    await town.becomes(customer, "failed")
    await town.tree(customer, AMOUNT_MISMATCH)


async def test_duplicate_events(town: Town) -> None:
    customer = Customer()
    async with town.broker.tap() as tap:
        await town.pay(customer, await town.book(customer), repeat=2)
        await town.becomes(customer, "confirmed")
        heard = {one.type: one for one in await tap.heard({customer.intent_id})}
    await town.broker.publish_again(heard["booking.confirmed"])
    await town.tree(customer, DUPLICATES)


async def test_booking_service_down(town: Town) -> None:
    """What waited in the queue while it was away goes on in the same trace."""
    customer = Customer()
    await town.stack.hold("booking")
    await town.pay(customer, await town.book(customer))
    await town.stack.release("booking")
    await town.becomes(customer, "confirmed")
    await town.tree(customer, TRIVIAL)


async def test_where_the_provider_carries_nothing_back_a_link_joins_two_traces(
    town: Town,
) -> None:
    customer = Customer()
    await town.book(customer)
    await town.pay(customer, None)
    await town.becomes(customer, "confirmed")

    async def webhook_trace() -> str:
        found = town.traces.about(customer.intent_id)
        assert len(found) == 2
        assert found[0] == customer.trace_id
        return found[1]

    other = await eventually(webhook_trace)
    spans = await town.tree_of(other, PAID)
    (joining,) = (span for span in spans if span.links)
    assert joining.name == "process payment.captured"
    assert joining.attributes["booking.decision"] == "confirm"
    assert [trace_id for trace_id, _ in joining.links] == [customer.trace_id]
