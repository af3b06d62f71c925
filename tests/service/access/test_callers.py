"""A caller sees, books and cancels for themselves alone; one with the scope, for everybody."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.eventually import eventually
from tests.service.access.issuer import OPERATE
from tests.service.booking_system import fresh, slot
from tests.service.guarded import Guarded
from tests.service.test_refused_intents import is_problem

ADA, BOB = "auth0|ada", "google-oauth2|bob é"
REPLAYED = "idempotent-replayed"


def operator(door: Guarded) -> str:
    return door.issuer.token("desk", scope=f"openid {OPERATE}")


@pytest.fixture
async def writes_nothing(door: Guarded) -> AsyncIterator[None]:
    before = await door.written()
    yield
    assert await door.written() == before


async def test_the_subject_is_the_user(door: Guarded) -> None:
    intent_id = await door.booked(ADA, paymentMethod="card", slot=slot(fresh("room")))
    booked = await door.shared_system.client["gateway"]["outbox"].find_one({"subject": intent_id})
    assert booked is not None
    assert booked["data"]["userId"] == ADA
    token = door.issuer.token(ADA)

    async def confirmed() -> bool:
        answer = await door.ask("GET", f"/booking/{intent_id}", token)
        return bool(answer.json()["status"] == "confirmed")

    await eventually(confirmed)
    charges, _ = await door.shared_system.ledger(intent_id)
    assert [charge["userId"] for charge in charges] == [ADA]


async def test_the_user_may_be_named_and_the_request_is_the_same(door: Guarded) -> None:
    key, token = fresh("key"), door.issuer.token(ADA)
    first = await door.book(token, key=key)
    again = await door.book(token, key=key, userId=ADA)
    assert again.json() == first.json()
    assert again.headers[REPLAYED] == "true"


async def test_nobody_books_for_another(door: Guarded, writes_nothing: None) -> None:
    for other in (BOB, ADA.upper(), f"{ADA}2"):
        is_problem(await door.book(door.issuer.token(ADA), userId=other), 403, "userId")


async def test_another_s_booking_is_as_one_that_there_is_not(door: Guarded) -> None:
    intent_id, token = await door.booked(ADA), door.issuer.token(BOB)
    before = await door.written()
    for method, path in (
        ("GET", f"/booking/{intent_id}"),
        ("GET", f"/booking/{intent_id}/events"),
        ("POST", f"/booking/{intent_id}/cancel"),
    ):
        known = await door.ask(method, path, token)
        is_problem(known, 404, "intentId")
        unknown = await door.ask(method, path.replace(intent_id, fresh("unknown")), token)
        assert known.json() == unknown.json()
    assert await door.written() == before


async def test_one_s_own_is_shown_followed_and_cancelled(door: Guarded) -> None:
    intent_id, token = await door.booked(ADA), door.issuer.token(ADA)
    answer = await door.ask("GET", f"/booking/{intent_id}", token)
    assert answer.json()["status"] == "pending"
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{door.url}/booking/{intent_id}/events"
    async with door.shared_system.http.stream("GET", url, headers=headers) as stream:
        assert stream.status_code == 200
    cancelled = await door.ask("POST", f"/booking/{intent_id}/cancel", token)
    assert cancelled.status_code == 202
    wanted = {"subject": intent_id, "type": "booking.cancel.requested"}
    row = await door.shared_system.client["gateway"]["outbox"].find_one(wanted)
    assert row is not None
    assert row["data"]["requestedBy"] == ADA


async def test_nobody_cancels_in_another_s_name(door: Guarded) -> None:
    intent_id, token = await door.booked(ADA), door.issuer.token(ADA)
    path, before = f"/booking/{intent_id}/cancel", await door.written()
    answer = await door.ask("POST", path, token, json={"requestedBy": BOB})
    is_problem(answer, 403, "requestedBy")
    assert await door.written() == before


async def test_with_the_scope_one_acts_for_all(door: Guarded) -> None:
    token, user = operator(door), fresh("user")
    for answer in (await door.book(token, userId=user), await door.book(door.issuer.token(user))):
        path = f"/booking/{answer.json()['intentId']}"
        assert (await door.ask("GET", path, token)).status_code == 200
        assert (await door.ask("GET", path, door.issuer.token(user))).status_code == 200
        cancelled = await door.ask("POST", f"{path}/cancel", token, json={"requestedBy": user})
        assert cancelled.status_code == 202


@pytest.mark.parametrize("scope", ["bookings:operate2", "Bookings:Operate", ["bookings"], 7])
async def test_a_scope_that_is_nearly_it_is_none(door: Guarded, scope: object) -> None:
    token = door.issuer.token("desk", scope=scope)
    is_problem(await door.book(token, userId=ADA), 403, "userId")


async def test_a_view_whose_user_is_not_known_is_for_the_scope_alone(door: Guarded) -> None:
    intent_id = fresh("early")
    await door.shared_system.pay(intent_id)
    path = f"/booking/{intent_id}"

    async def shown() -> bool:
        return (await door.ask("GET", path, operator(door))).status_code == 200

    await eventually(shown)
    is_problem(await door.ask("GET", path, door.issuer.token("ada")), 404, "intentId")


class TestIdempotencyKeys:
    """They are the caller's own: another's reply is not fetched by guessing its key."""

    async def test_two_callers_with_one_key(self, door: Guarded) -> None:
        key, users = fresh("key"), [ADA, BOB, "desk"]
        first = await asyncio.gather(*(door.book(door.issuer.token(one), key=key) for one in users))
        assert len({answer.json()["intentId"] for answer in first}) == len(users)
        again = await asyncio.gather(*(door.book(door.issuer.token(one), key=key) for one in users))
        assert [one.json() for one in again] == [one.json() for one in first]
        assert all(answer.headers[REPLAYED] == "true" for answer in again)

    async def test_a_subject_and_a_key_that_look_like_another_s(self, door: Guarded) -> None:
        answers = [
            await door.book(door.issuer.token(user), key=key)
            for user, key in (("a", "b|c"), ("a|b", "c"), ("a|b|c", "d"), ("a", "b|c|d"))
        ]
        assert len({answer.json()["intentId"] for answer in answers}) == len(answers)

    async def test_a_key_of_the_time_without_tokens(self, door: Guarded) -> None:
        key = fresh("key")
        first = await door.shared_system.book(key, userId=ADA)
        second = await door.book(door.issuer.token(ADA), key=key)
        assert second.json()["intentId"] != first.json()["intentId"]
        assert REPLAYED not in second.headers

    async def test_another_s_intent_id_gives_no_reply(self, door: Guarded) -> None:
        intent_id = await door.booked(ADA, intentId=fresh("mine"))
        answer = await door.book(door.issuer.token(BOB), intentId=intent_id)
        is_problem(answer, 422, "intentId")
