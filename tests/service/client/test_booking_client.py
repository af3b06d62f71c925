"""The client on the running services: what is asked twice is done once, and nothing is missed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime

import httpx
import pytest
from starlette.responses import PlainTextResponse

from booking_client import (
    AsyncBookingClient,
    BookingClient,
    InvalidRequest,
    NotFinal,
    NotFound,
    PaymentStatus,
    Retries,
    Slot,
    Status,
    TooManyRequests,
    Unreachable,
)
from postbox.service import Problem
from stack.servers.ports import LOOPBACK, free_port
from tests.eventually import eventually
from tests.service.booking_system import PRICE, BookingSystem, fresh, slot
from tests.service.client.front import Front, front

WAIT_S = 60.0
PATIENT = Retries(deadline_s=60, attempts_max=1_000, pause_max_s=0.5)


@pytest.fixture
async def between(shared_system: BookingSystem) -> AsyncIterator[Front]:
    async with front(shared_system.gateway) as proxy:
        yield proxy


@pytest.fixture
async def client(between: Front) -> AsyncIterator[AsyncBookingClient]:
    """Through the proxy."""
    async with AsyncBookingClient(between.url, retries=PATIENT) as client:
        yield client


def wanted(resource_id: str) -> Slot:
    document = slot(resource_id)
    return Slot(
        resource_id=resource_id,
        starts_at=datetime.fromisoformat(document["startsAt"]),
        ends_at=datetime.fromisoformat(document["endsAt"]),
    )


async def test_a_booking_from_the_intent_to_the_money_back(shared_system: BookingSystem) -> None:
    """Everything that there is, by the client that answers at once."""
    user, resource = fresh("user"), fresh("room")
    with BookingClient(shared_system.gateway) as client:

        def book() -> str:
            return client.create_intent(user_id=user, amount=PRICE, slot=wanted(resource)).intent_id

        intent_id = await asyncio.to_thread(book)
        pending = await asyncio.to_thread(client.booking, intent_id)
        assert (pending.status, pending.amount, pending.payments) == (Status.PENDING, PRICE, ())
        waiting = asyncio.create_task(
            asyncio.to_thread(client.wait_until_final, intent_id, timeout_s=WAIT_S)
        )
        await shared_system.pay(intent_id, userId=user)
        confirmed = await waiting
        assert confirmed.status is Status.CONFIRMED
        taken = await asyncio.to_thread(client.taken_slots, resource)
        assert [(one.starts_at, one.ends_at) for one in taken.taken] == [
            (confirmed.slot.starts_at, confirmed.slot.ends_at) if confirmed.slot else None
        ]
        accepted = await asyncio.to_thread(client.cancel, intent_id)
        assert not accepted.replayed

        async def refunded() -> bool:
            seen = await asyncio.to_thread(client.booking, intent_id)
            return [one.status for one in seen.payments] == [PaymentStatus.REFUNDED]

        await eventually(refunded)


async def test_lists_are_read_page_by_page(
    shared_system: BookingSystem, between: Front, client: AsyncBookingClient
) -> None:
    user = fresh("user")
    made = [
        (await client.create_intent(user_id=user, amount=PRICE + number)).intent_id
        for number in range(5)
    ]
    listed = [one async for one in client.bookings(user_id=user, page_size=2)]
    assert [one.intent_id for one in listed] == made[::-1]
    assert {one.status for one in listed} == {Status.PENDING}
    assert [one.path for one in between.asked].count("/bookings") == 3
    async with aclosing(client.bookings(user_id=user, page_size=2)) as some:
        assert (await anext(some)).intent_id == made[-1]
    assert [one.path for one in between.asked].count("/bookings") == 4


@pytest.mark.fault(2, "kill after the commit, before the HTTP reply")
async def test_a_gateway_killed_before_it_answers_has_booked_once(
    system: BookingSystem, between: Front
) -> None:
    """Goal: the client's own retry finds what was committed. Method: crash point."""
    await system.stack.restart("gateway", {"CRASH_AT": "gateway.committed:1"})
    user = fresh("user")
    with BookingClient(between.url, retries=PATIENT) as client:
        accepted = await asyncio.to_thread(lambda: client.create_intent(user_id=user, amount=PRICE))
    assert accepted.replayed
    assert len(between.asked) >= 1
    assert len({one.headers["idempotency-key"] for one in between.asked}) == 1
    made = system.client["gateway"]["views"].find({"user_id": user})
    assert [row["_id"] async for row in made] == [accepted.intent_id]


async def test_a_stream_that_is_cut_misses_nothing(
    shared_system: BookingSystem, between: Front, client: AsyncBookingClient
) -> None:
    """Method: each stream breaks after its first event, so each step comes by another one."""
    between.cuts_streams = True
    intent_id = (await client.create_intent(user_id="ada", amount=PRICE)).intent_id
    waiting = asyncio.create_task(client.wait_until_final(intent_id, timeout_s=WAIT_S))
    await eventually(lambda: _holds(len(between.streams()) >= 2))
    await shared_system.pay(intent_id)
    assert (await waiting).status is Status.CONFIRMED
    first, *others = between.streams()
    assert "last-event-id" not in first.headers
    seen = [int(one.headers["last-event-id"]) for one in others]
    assert seen == sorted(seen)
    assert not [one for one in between.asked if one.method == "GET" and not one.is_stream]


async def test_a_gateway_killed_while_it_is_followed(
    system: BookingSystem, between: Front, client: AsyncBookingClient
) -> None:
    """Goal: who waits is told all the same. Method: kill -9, and pay before it is back."""
    intent_id = (await client.create_intent(user_id="ada", amount=PRICE)).intent_id
    waiting = asyncio.create_task(client.wait_until_final(intent_id, timeout_s=WAIT_S))
    await eventually(lambda: _holds(len(between.streams()) == 1))
    await system.stack.hold("gateway")
    await system.pay(intent_id)
    await system.stack.release("gateway", wait=False)
    assert (await waiting).status is Status.CONFIRMED


@pytest.mark.parametrize("how", ["held back", "answered by another"])
async def test_where_streams_do_not_come_through_it_asks(
    shared_system: BookingSystem, between: Front, how: str
) -> None:
    """Method: a proxy that buffers streams; and one that answers with a page of its own."""
    quick = Retries(deadline_s=60, attempts_max=1_000, answer_timeout_s=1.0)
    async with AsyncBookingClient(between.url, retries=quick) as client:
        intent_id = (await client.create_intent(user_id="ada", amount=PRICE)).intent_id
        if how == "held back":
            between.holds_streams_back = True
        else:
            between.instead.append(PlainTextResponse("an intranet's own page"))
        waiting = asyncio.create_task(client.wait_until_final(intent_id, timeout_s=WAIT_S))

        async def nothing_new() -> bool:
            return 304 in {one.status for one in between.asked}

        await eventually(nothing_new)
        await shared_system.pay(intent_id)
        assert (await waiting).status is Status.CONFIRMED
    assert all(one.headers.get("if-none-match") for one in between.asked if one.status == 304)


async def test_it_waits_as_long_as_it_is_told(between: Front, client: AsyncBookingClient) -> None:
    """Goal: 429 and 503 are waited for, with the same key, and not where that is too long."""
    for status, wait_s in ((429, "1"), (503, "1"), (502, None)):
        headers = {"Retry-After": wait_s} if wait_s else {}
        between.instead.append(Problem(status, "Not now", headers=headers).response())
    began = asyncio.get_running_loop().time()
    accepted = await client.create_intent(user_id="ada", amount=PRICE)
    assert asyncio.get_running_loop().time() - began >= 2
    assert not accepted.replayed
    assert [one.status for one in between.asked] == [429, 503, 502, 202]
    assert len({one.headers["idempotency-key"] for one in between.asked}) == 1
    between.instead.append(Problem(429, "Not now", headers={"Retry-After": "3600"}).response())
    with pytest.raises(TooManyRequests) as refused:
        await client.booking(accepted.intent_id)
    assert refused.value.retry_after_s == 3_600


async def test_a_problem_is_an_error_that_names_the_field(client: AsyncBookingClient) -> None:
    with pytest.raises(InvalidRequest) as invalid:
        await client.create_intent(user_id="ada", amount=-1)
    assert (invalid.value.status, invalid.value.field) == (422, "amount")
    for nothing in ("nobody", "../bookings", "."):
        with pytest.raises(NotFound):
            await client.booking(nothing)
    with pytest.raises(NotFound):
        await client.wait_until_final(fresh("nobody"))
    key = fresh("key")
    await client.create_intent(user_id="ada", amount=PRICE, idempotency_key=key)
    with pytest.raises(InvalidRequest) as reused:
        await client.create_intent(user_id="ada", amount=PRICE + 1, idempotency_key=key)
    assert reused.value.field == "Idempotency-Key"


async def test_a_wait_ends_by_its_deadline(client: AsyncBookingClient) -> None:
    intent_id = (await client.create_intent(user_id="ada", amount=PRICE)).intent_id
    with pytest.raises(NotFinal) as waited:
        await client.wait_until_final(intent_id, timeout_s=0.5)
    assert waited.value.booking is not None
    assert waited.value.booking.status is Status.PENDING


async def test_where_nobody_answers_it_says_so_by_the_deadline() -> None:
    nowhere = f"http://{LOOPBACK}:{free_port()}"
    async with AsyncBookingClient(nowhere, retries=Retries(deadline_s=0.5)) as client:
        with pytest.raises(Unreachable, match="POST /booking/intent") as unreachable:
            await client.create_intent(amount=PRICE)
        assert isinstance(unreachable.value.__cause__, httpx.ConnectError)
        with pytest.raises(NotFinal):
            await client.wait_until_final("demo-1", timeout_s=0.5)


async def _holds(condition: bool) -> bool:
    return condition
