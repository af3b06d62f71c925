"""What a client gets wrong is told as a problem that names the field, and nothing is written."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.service.booking_system import BookingSystem, fresh, slot

VALID = {"userId": "ada", "amount": 1_000}
PATH = "/booking/intent"
SLOT = slot("room-1")
DAY = timedelta(days=1)


def with_slot(**changes: object) -> dict[str, Any]:
    return {"slot": {**SLOT, **changes}}


NO_AMOUNTS: list[object] = [0, -1, 1.5, 1.0, "1000", True, None, [1], 10**12 + 1, 10**30, 1e30]
NO_OPAQUE_IDS: list[object] = ["", 7, None, " a", "a\u00a0", "a\x00", "a\nb", "x" * 129, ["ada"]]
NO_CURRENCIES: list[object] = ["usd", "US", "USDX", "ZZZ", 840, None]
NO_IDS: list[object] = ["", "a/b", "../x", "x" * 129, 7]
INVALID: list[tuple[dict[str, Any], str]] = [
    *(({"userId": value}, "userId") for value in NO_OPAQUE_IDS),
    *(({"amount": value}, "amount") for value in NO_AMOUNTS),
    *(({"currency": value}, "currency") for value in NO_CURRENCIES),
    *(({"intentId": value}, "intentId") for value in NO_IDS),
    ({"paymentMethod": ""}, "paymentMethod"),
    ({"paymentMethod": 7}, "paymentMethod"),
    ({"slot": "tuesday"}, "slot"),
    ({"slot": []}, "slot"),
    ({"slot": {}}, "slot.resourceId"),
    (with_slot(resourceId=""), "slot.resourceId"),
    (with_slot(resourceId="room-1\t"), "slot.resourceId"),
    (with_slot(startsAt="soon"), "slot.startsAt"),
    (with_slot(startsAt=1_800_000_000), "slot.startsAt"),
    (with_slot(startsAt="2099-01-01T10:00:00"), "slot.startsAt"),
    (with_slot(startsAt="2099-01-01T10:05:00Z"), "slot.startsAt"),
    (with_slot(startsAt="2099-01-01T10:00:01Z"), "slot.startsAt"),
    (with_slot(startsAt="0001-01-01T00:00:00+23:59"), "slot.startsAt"),
    (with_slot(endsAt=SLOT["startsAt"]), "slot.endsAt"),
    (with_slot(startsAt=SLOT["endsAt"], endsAt=SLOT["startsAt"]), "slot.endsAt"),
    ({"slot": slot("room-1", quanta=97)}, "slot.endsAt"),
    ({"slot": slot("room-1", starts_in=-DAY)}, "slot.startsAt"),
    ({"price": 1}, "price"),
]


@pytest.fixture(autouse=True)
async def nothing_is_written(shared_system: BookingSystem) -> AsyncIterator[None]:
    before = await shared_system.written()
    yield
    assert await shared_system.written() == before


def is_problem(answer: httpx.Response, status: int, field: str | None) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem.get("field") == field


@pytest.mark.parametrize(("changes", "field"), INVALID, ids=[str(one)[:60] for one in INVALID])
async def test_an_invalid_field(
    shared_system: BookingSystem, changes: dict[str, Any], field: str
) -> None:
    is_problem(await shared_system.book(**changes), 422, field)


@pytest.mark.parametrize("field", ["userId", "amount"])
async def test_a_missing_field(shared_system: BookingSystem, field: str) -> None:
    body = {name: value for name, value in VALID.items() if name != field}
    is_problem(await shared_system.http.post(shared_system.gateway + PATH, json=body), 422, field)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b'{"userId": "ada", ', 400),
        (b'{"userId": "ada", "amount": NaN}', 400),
        (b'{"userId": "ada", "amount": Infinity}', 400),
        (b'{"userId": "\xff", "amount": 1}', 400),
        (b'{"userId": "\\ud800", "amount": 1}', 400),
        (b"[" * 30_000, 400),
        (b"[]", 422),
        (b"null", 422),
        (b'"ada"', 422),
    ],
)
async def test_a_body_that_is_no_json_object(
    shared_system: BookingSystem, content: bytes, status: int
) -> None:
    headers = {"content-type": "application/json"}
    answer = await shared_system.http.post(
        shared_system.gateway + PATH, content=content, headers=headers
    )
    is_problem(answer, status, "body")


@pytest.mark.parametrize("path", [PATH, "/booking/some-intent/cancel"])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_64_kib(shared_system: BookingSystem, path: str, chunked: bool) -> None:
    content = b" " * (64 * 1024 + 1)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 10_000):
            yield content[start : start + 10_000]

    headers = {"content-type": "application/json"}
    answer = await shared_system.http.post(
        shared_system.gateway + path, content=chunks() if chunked else content, headers=headers
    )
    is_problem(answer, 413, None)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
async def test_another_content_type(shared_system: BookingSystem, content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    answer = await shared_system.http.post(
        shared_system.gateway + PATH, content=b"{}", headers=headers
    )
    is_problem(answer, 415, "Content-Type")


@pytest.mark.parametrize(
    ("headers", "status", "field"),
    [
        ({"content-type": "application/json; charset=iso-8859-1"}, 415, "Content-Type"),
        ({"content-type": "application/json", "content-encoding": "gzip"}, 415, "Content-Encoding"),
        ({"content-type": "application/json"}, 400, "amount"),
    ],
)
async def test_a_body_that_is_not_what_it_seems(
    shared_system: BookingSystem, headers: dict[str, str], status: int, field: str
) -> None:
    body = b'{"userId": "ada", "amount": 1, "amount": 4200}'
    is_problem(
        await shared_system.http.post(shared_system.gateway + PATH, content=body, headers=headers),
        status,
        field,
    )


@pytest.mark.parametrize("key", [b"", b"x" * 256, "é".encode("latin-1")])
async def test_an_idempotency_key_that_cannot_be_one(
    shared_system: BookingSystem, key: bytes
) -> None:
    headers = {b"idempotency-key": key}
    answer = await shared_system.http.post(
        shared_system.gateway + PATH, json=VALID, headers=headers
    )
    is_problem(answer, 400, "Idempotency-Key")


async def test_two_idempotency_keys(shared_system: BookingSystem) -> None:
    keys = [("idempotency-key", "one"), ("idempotency-key", "two")]
    answer = await shared_system.http.post(shared_system.gateway + PATH, json=VALID, headers=keys)
    is_problem(answer, 400, "Idempotency-Key")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", PATH),
        ("DELETE", PATH),
        ("POST", "/booking/some-intent"),
        ("GET", "/booking/some-intent/cancel"),
        ("POST", "/booking/some-intent/events"),
        ("POST", "/openapi.json"),
    ],
)
async def test_another_method(shared_system: BookingSystem, method: str, path: str) -> None:
    is_problem(await shared_system.http.request(method, shared_system.gateway + path), 405, None)


@pytest.mark.parametrize("intent_id", ["nobody-knows-it", "x" * 129, "%00", "%ff", "a%20b", "-"])
@pytest.mark.parametrize(("method", "end"), [("GET", ""), ("GET", "/events"), ("POST", "/cancel")])
async def test_an_unknown_booking(
    shared_system: BookingSystem, method: str, end: str, intent_id: str
) -> None:
    url = f"{shared_system.gateway}/booking/{intent_id}{end}"
    is_problem(await shared_system.http.request(method, url), 404, "intentId")


@pytest.mark.parametrize(
    ("content", "status", "field"),
    [
        (b"{", 400, "body"),
        (b"[]", 422, "body"),
        (b'{"requestedBy": 7}', 422, "requestedBy"),
        (b'{"requestedBy": ""}', 422, "requestedBy"),
        (b'{"why": "rain"}', 422, "why"),
    ],
)
async def test_a_cancellation_that_is_not_valid(
    shared_system: BookingSystem, content: bytes, status: int, field: str
) -> None:
    url = f"{shared_system.gateway}/booking/{fresh('unknown')}/cancel"
    is_problem(await shared_system.http.post(url, content=content), status, field)


async def test_another_path(shared_system: BookingSystem) -> None:
    is_problem(await shared_system.http.get(f"{shared_system.gateway}/nowhere"), 404, None)
