"""What nobody means well with gets its documented answer, and nothing is written anywhere."""

import asyncio
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import httpx
import jsonschema_rs

from tests.eventually import eventually
from tests.service.access.hostile import HOSTILE, Hostile
from tests.service.booking_system import PRICE, BookingSystem, fresh
from tests.service.guarded import Guarded

DATABASES = ("gateway", "booking", "payment")
AT_ONCE = 8


async def rows(shared_system: BookingSystem) -> dict[str, int]:
    """How many there are in every collection of every service."""
    return {
        f"{database}.{name}": await shared_system.client[database][name].count_documents({})
        for database in DATABASES
        for name in await shared_system.client[database].list_collection_names()
    }


def documented(document: Mapping[str, Any], one: Hostile) -> Mapping[str, Any] | None:
    """The answers that the description has for it; None where it has no such operation."""
    path = one.path.partition("?")[0]
    for template, operations in document["paths"].items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if re.fullmatch(pattern, path) and one.method.lower() in operations:
            responses: Mapping[str, Any] = operations[one.method.lower()]["responses"]
            return responses
    return None


async def test_a_hundred_hostile_requests(door: Guarded) -> None:
    """Whoever else is at work here may write meanwhile; so it is tried until nobody else did."""
    document = (await door.send("GET", "/openapi.json")).json()
    problem = document["components"]["schemas"]["Problem"]
    token, places = door.issuer.token(), asyncio.Semaphore(AT_ONCE)

    async def send(one: Hostile) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}", **one.headers}
        async with places:
            return await door.send(one.method, one.path, headers, content=one.content)

    async def answers_and_nothing_written() -> list[httpx.Response]:
        before = await rows(door.shared_system)
        answers = list(await asyncio.gather(*map(send, HOSTILE)))
        after = await rows(door.shared_system)
        assert Counter(after) - Counter(before) == {}
        return answers

    answers = await eventually(answers_and_nothing_written)
    assert len(answers) >= 100
    for one, answer in zip(HOSTILE, answers, strict=True):
        assert answer.status_code == one.status, (one, answer.text)
        jsonschema_rs.validate(problem, answer.json())
        assert (await door.send("GET", answer.json()["type"])).is_success
        responses = documented(document, one)
        assert responses is None or str(one.status) in responses, one


class TestEachPath:
    """Who may what: every path by everybody."""

    async def test_is_for_the_owner_and_the_scope(self, door: Guarded) -> None:
        intent_id = await door.booked("ada")
        tokens = {
            "nobody": None,
            "bob": door.issuer.token("bob"),
            "ada": door.issuer.token("ada"),
            "desk": door.issuer.token("desk", scope="bookings:operate"),
        }
        expected: dict[tuple[str, str], tuple[int, int, int, int]] = {
            ("POST", "/booking/intent"): (401, 403, 202, 202),
            ("GET", f"/booking/{intent_id}"): (401, 404, 200, 200),
            ("GET", f"/booking/{intent_id}/events"): (401, 404, 200, 200),
            ("GET", "/bookings"): (401, 200, 200, 200),
            ("GET", "/bookings?userId=ada"): (401, 403, 200, 200),
            ("GET", "/resources/r1/slots"): (401, 200, 200, 200),
            ("POST", f"/booking/{intent_id}/cancel"): (401, 404, 202, 202),
            ("GET", "/docs"): (200, 200, 200, 200),
            ("GET", "/problems"): (200, 200, 200, 200),
            ("GET", "/healthz"): (200, 200, 200, 200),
        }
        wish = {"userId": "ada", "amount": PRICE}
        for (method, path), statuses in expected.items():
            for token, status in zip(tokens.values(), statuses, strict=True):
                headers = {} if token is None else {"Authorization": f"Bearer {token}"}
                before = await door.written()
                async with door.shared_system.http.stream(
                    method,
                    door.url + path,
                    headers=headers,
                    json=wish if path == "/booking/intent" else None,
                ) as answer:
                    assert answer.status_code == status, (method, path)
                if status != 202:
                    assert await door.written() == before, (method, path)

    async def test_a_list_has_one_s_own_alone(self, door: Guarded) -> None:
        users = [fresh("user"), fresh("user")]
        booked = {user: await door.booked(user) for user in users}
        for user in users:
            answer = await door.ask("GET", "/bookings", door.issuer.token(user))
            assert [one["intentId"] for one in answer.json()["bookings"]] == [booked[user]]


async def test_a_stream_ends_with_its_token(door: Guarded) -> None:
    intent_id = await door.booked("ada")
    ends_at = int(door.issuer.claims()["exp"]) - 298  # in two seconds
    headers = {"Authorization": f"Bearer {door.issuer.token('ada', exp=ends_at)}"}
    url = f"{door.url}/booking/{intent_id}/events"
    async with (
        asyncio.timeout(20),
        door.shared_system.http.stream("GET", url, headers=headers) as stream,
    ):
        assert stream.status_code == 200
        assert [line async for line in stream.aiter_lines()]
    assert (await door.send("GET", f"/booking/{intent_id}", headers)).status_code == 401
