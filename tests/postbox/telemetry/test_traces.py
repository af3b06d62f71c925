"""One trace from the transaction that emits an event to whatever its last consumer emits."""

import pytest

from postbox.events import Event
from postbox.events.cloudevents import decode, encode
from postbox.mongo import Client, Session, own_database, transaction
from postbox.telemetry import context_of, current_trace, trace_id, under
from tests.conftest import Space
from tests.postbox.broker import broker, event_of
from tests.postbox.consumer.test_consumer import is_applied
from tests.postbox.fake_service import FakeService, Placed

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


async def test_the_trace_goes_through_row_header_and_consumer_into_the_next_row(
    client: Client, space: Space
) -> None:
    rows = own_database(client)["outbox"]
    async with broker(space) as at, FakeService(client, space).open() as service:

        async def emit(session: Session) -> None:
            with under(context_of(TRACEPARENT)):
                await service.outbox.add(session, Placed("o1"))

        await transaction(client, emit)
        row = await rows.find_one({"type": Placed.TYPE})
        assert row is not None
        names = ("type", "subject", "source", "time", "data", "traceparent")
        event = Event(id=row["_id"], **{name: row[name] for name in names})
        assert trace_id(event.traceparent) == TRACE
        await at.publish(event, event_of(Placed("o2")))
        await is_applied(service, at, 2)
        emitted = {one["subject"]: one async for one in rows.find({"type": "order.counted"})}
    assert trace_id(emitted["o1"]["traceparent"]) == TRACE
    assert trace_id(emitted["o2"]["traceparent"]) != TRACE


async def test_a_message_without_a_trace_begins_one(client: Client, space: Space) -> None:
    event = event_of(Placed("o1"))
    async with broker(space) as at, FakeService(client, space).open() as service:
        body = encode(event)
        await at.publish_raw(body, type_=event.type, headers={"traceparent": "garbage"})
        await is_applied(service, at, 1)
        row = await own_database(client)["outbox"].find_one({})
        assert row is not None
        assert trace_id(row["traceparent"])


def test_what_a_request_emits_is_in_its_trace() -> None:
    with under(context_of(TRACEPARENT, "vendor=1")):
        assert current_trace() == {"traceparent": TRACEPARENT, "tracestate": "vendor=1"}


@pytest.mark.parametrize("traceparent", [None, "", "garbage", f"00-{'0' * 32}-b7ad6b7169203331-01"])
def test_what_is_no_trace_is_replaced_by_a_new_one(traceparent: str | None) -> None:
    with under(context_of(traceparent)):
        first, again = current_trace(), current_trace()
    assert first == again
    assert trace_id(first["traceparent"]) not in (None, "0" * 32, TRACE)


def test_trace_context_is_no_part_of_the_body() -> None:
    event = event_of(Placed("o1"))
    assert event.traceparent
    assert decode(encode(event)).traceparent is None
