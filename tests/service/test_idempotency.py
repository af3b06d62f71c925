"""A request that is repeated, for whatever reason, is accepted once and answered alike."""

import asyncio

import pytest

from tests.service.booking_system import PRICE, BookingSystem, fresh, slot
from tests.service.test_refused_intents import is_problem

REPLAYED = "idempotent-replayed"


async def created(system: BookingSystem, intent_id: str) -> int:
    return (await system.events("gateway", intent_id)).count("booking.intent.created")


async def test_the_same_key_and_body_get_the_saved_reply(shared_system: BookingSystem) -> None:
    key = fresh("key")
    first = await shared_system.book(key)
    assert first.status_code == 202
    assert REPLAYED not in first.headers
    for _ in range(2):
        again = await shared_system.book(key)
        assert again.status_code == 202
        assert again.json() == first.json()
        assert again.headers[REPLAYED] == "true"
    assert await created(shared_system, first.json()["intentId"]) == 1


async def test_a_body_is_compared_by_what_it_says(shared_system: BookingSystem) -> None:
    key = fresh("key")
    first = await shared_system.book(key)
    headers = {"Idempotency-Key": key, "content-type": "application/json; charset=utf-8"}
    content = f'{{ "currency": "USD", "amount": {PRICE},\n "userId": "ada" }}'.encode()
    url = f"{shared_system.gateway}/booking/intent"
    again = await shared_system.http.post(url, content=content, headers=headers)
    assert again.json() == first.json()
    assert again.headers[REPLAYED] == "true"


@pytest.mark.parametrize(
    "changes", [{"amount": PRICE + 1}, {"userId": "bob"}, {"slot": slot("room-9")}]
)
async def test_the_same_key_with_another_body_is_refused(
    shared_system: BookingSystem, changes: dict[str, object]
) -> None:
    key = fresh("key")
    intent_id = (await shared_system.book(key)).json()["intentId"]
    is_problem(await shared_system.book(key, **changes), 422, "Idempotency-Key")
    assert await created(shared_system, intent_id) == 1


async def test_without_a_key_the_clients_own_intent_id_is_one(shared_system: BookingSystem) -> None:
    intent_id = fresh("mine")
    first = await shared_system.book(intentId=intent_id)
    again = await shared_system.book(intentId=intent_id)
    assert first.json() == again.json()
    assert first.json()["intentId"] == intent_id
    assert again.headers[REPLAYED] == "true"
    is_problem(await shared_system.book(intentId=intent_id, amount=1), 422, "intentId")
    is_problem(
        await shared_system.book(fresh("key"), intentId=intent_id, amount=1), 422, "intentId"
    )
    assert await created(shared_system, intent_id) == 1


async def test_of_many_at_the_same_moment_one_commits_and_all_get_its_reply(
    shared_system: BookingSystem,
) -> None:
    key = fresh("key")
    answers = await asyncio.gather(*(shared_system.book(key) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {202}
    (intent_id,) = {answer.json()["intentId"] for answer in answers}
    assert sum(REPLAYED not in answer.headers for answer in answers) == 1
    assert await created(shared_system, intent_id) == 1
    assert await shared_system.client["gateway"]["intents"].count_documents({"_id": intent_id}) == 1


async def test_of_many_that_differ_at_the_same_moment_one_wins(
    shared_system: BookingSystem,
) -> None:
    key = fresh("key")
    answers = await asyncio.gather(*(shared_system.book(key, amount=n) for n in range(1, 11)))
    accepted = [answer for answer in answers if answer.status_code == 202]
    assert len(accepted) == 1
    for answer in answers:
        if answer is not accepted[0]:
            is_problem(answer, 422, "Idempotency-Key")


async def test_what_was_accepted_can_be_read_at_once(shared_system: BookingSystem) -> None:
    async def book_and_look() -> None:
        intent_id = await shared_system.booked()
        view = await shared_system.show(intent_id)
        assert view.status_code == 200
        assert view.json()["status"] == "pending"
        assert view.json()["timeline"][0]["type"] == "booking.intent.created"

    await asyncio.gather(*(book_and_look() for _ in range(30)))


async def test_cancelling_twice_asks_once(shared_system: BookingSystem) -> None:
    intent_id = await shared_system.booked()
    first, again = await shared_system.cancel(intent_id), await shared_system.cancel(intent_id)
    assert (first.status_code, again.status_code) == (202, 202)
    assert REPLAYED not in first.headers
    assert again.headers[REPLAYED] == "true"
    view = await shared_system.final(intent_id)
    assert (view["status"], view["reason"]) == ("cancelled", "cancelled")
    asked = await shared_system.events("gateway", intent_id)
    assert asked.count("booking.cancel.requested") == 1
