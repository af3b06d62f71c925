"""What a client sees of a booking: at once, as it happens, and in one trace."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson

from tests.eventually import eventually
from tests.service.booking_system import PRICE, BookingSystem, fresh, slot

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@asynccontextmanager
async def followed(
    system: BookingSystem, intent_id: str
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """The views of one booking as they are pushed."""
    url = f"{system.gateway}/booking/{intent_id}/events"
    async with system.http.stream("GET", url) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _views(answer)


async def _views(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if name == "data":
            yield orjson.loads(value)


async def test_a_booking_that_is_paid_is_confirmed_and_shows_all_of_it(
    shared_system: BookingSystem,
) -> None:
    wanted = slot(fresh("room"))
    answer = await shared_system.book(slot=wanted)
    intent_id = answer.json()["intentId"]
    path = f"/booking/{intent_id}"
    assert answer.json() == {
        "intentId": intent_id,
        "status": "pending",
        "links": {"self": path, "events": f"{path}/events", "cancel": f"{path}/cancel"},
    }
    payment_id = await shared_system.pay(intent_id)
    view = await shared_system.final(intent_id, entries=3)
    paid = {"paymentId": payment_id, "status": "settled", "amount": PRICE, "currency": "USD"}
    back = {"refunded": 0, "disputed": 0, "chargedBack": 0}
    assert (view["status"], view["amount"], view["currency"]) == ("confirmed", PRICE, "USD")
    assert view["payments"] == [{**paid, **back}]
    assert view["slot"]["resourceId"] == wanted["resourceId"]
    types = [entry["type"] for entry in view["timeline"]]
    assert types == ["booking.intent.created", "payment.captured", "booking.confirmed"]


async def test_a_payment_that_comes_first_shows_until_the_intent_is_known(
    shared_system: BookingSystem,
) -> None:
    intent_id = fresh("early")
    await shared_system.pay(intent_id)

    async def shows() -> bool:
        answer = await shared_system.show(intent_id)
        return answer.status_code == 200 and answer.json()["status"] == "payment_received_first"

    await eventually(shows)
    await shared_system.booked(intentId=intent_id)
    assert (await shared_system.final(intent_id))["status"] == "confirmed"


async def test_a_follower_gets_the_present_state_then_each_change(
    shared_system: BookingSystem,
) -> None:
    intent_id = await shared_system.booked()
    async with followed(shared_system, intent_id) as views:
        first = await anext(views)
        assert first == (await shared_system.show(intent_id)).json()
        await shared_system.pay(intent_id)
        seen = [first["status"]]
        async for view in views:
            seen.append(view["status"])
            if view["status"] == "confirmed":
                break
    assert sorted(set(seen)) == ["confirmed", "pending"]


async def test_followers_of_other_bookings_hear_nothing_of_it(shared_system: BookingSystem) -> None:
    mine, other = await shared_system.booked(), await shared_system.booked()
    async with followed(shared_system, mine) as views, followed(shared_system, other) as others:
        await anext(views)
        await anext(others)
        await shared_system.cancel(other)
        await shared_system.cancel(mine)
        async for view in views:
            assert view["intentId"] == mine
            if view["status"] == "cancelled":
                break


async def test_a_stream_ends_when_the_gateway_stops(system: BookingSystem) -> None:
    intent_id = await system.booked()
    async with followed(system, intent_id) as views:
        await anext(views)
        await system.stack.restart("gateway")
        async for _ in views:
            pass  # and no error: the answer was completed
    async with followed(system, intent_id) as views:
        assert (await anext(views))["intentId"] == intent_id


async def test_one_trace_from_the_request_to_the_last_event(shared_system: BookingSystem) -> None:
    url = f"{shared_system.gateway}/booking/intent"
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    body = {"userId": "ada", "amount": PRICE, "paymentMethod": "card"}
    answer = await shared_system.http.post(url, json=body, headers=headers)
    assert answer.headers["traceresponse"].split("-")[1] == TRACE
    view = await shared_system.final(answer.json()["intentId"], entries=4)
    assert view["status"] == "confirmed"
    assert {entry["traceId"] for entry in view["timeline"]} == {TRACE}
    assert len(view["timeline"]) == 4


async def test_every_answer_says_its_trace_even_where_nobody_gave_one(
    shared_system: BookingSystem,
) -> None:
    for answer in (
        await shared_system.book(),
        await shared_system.book(amount=0),
        await shared_system.show(fresh("unknown")),
        await shared_system.show(await shared_system.booked()),
    ):
        version, trace, span, _ = answer.headers["traceresponse"].split("-")
        assert (version, len(trace), len(span)) == ("00", 32, 16)
