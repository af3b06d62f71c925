"""A hundred requests that nobody means well with, and the answer that each is to get."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

JSON: Final = "application/json"
INTENT: Final = "/booking/intent"
NAME: Final = "mallory-was-here"
"""Stands in all that could be written."""


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """What is sent, with a good token but for what `headers` say, and the status that it gets."""

    status: int
    method: str = "GET"
    path: str
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def intent(status: int, content: bytes | object, **headers: str) -> Hostile:
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    whole = {"content-type": JSON, **named}
    return Hostile(status=status, method="POST", path=INTENT, content=body, headers=whole)


def _bodies() -> Iterator[Hostile]:
    good: dict[str, Any] = {"amount": 5, "intentId": NAME}
    injections: list[dict[str, Any]] = [
        {"amount": {"$gt": 0}},
        {"intentId": {"$ne": None}},
        {"intentId": "$where"},
        {"intentId": f"{NAME}/../x"},
        {"intentId": f"{NAME}\n"},
        {"paymentMethod": {"$regex": ".*"}},
        {"paymentMethod": f"{NAME}\u0000"},
        {"currency": {"$in": ["USD"]}},
        {"currency": "usd"},
        {"slot": {"$exists": True}},
        {"slot": "2099-01-01"},
        {"slot": {"resourceId": NAME, "startsAt": "2099-01-01T00:00:00Z", "endsAt": "2100-01-01"}},
        {"slot": {"resourceId": NAME, "startsAt": 0, "endsAt": 900}},
        {"__proto__": {"operates": True}},
        {"constructor": {"prototype": {}}},
        {"_id": NAME},
        {"status": "confirmed"},
        {"operates": True},
        {"user_id": "ada"},
        {"amount": -5},
        {"amount": 0},
        {"amount": 10**18},
        {"amount": 5.0},
        {"amount": "5"},
        {"amount": None},
        {"amount": [5]},
    ]
    yield from (intent(422, {**good, **changed}) for changed in injections)
    yield intent(403, {**good, "userId": "root"})
    yield intent(403, {**good, "userId": "ADA"})
    yield intent(422, {**good, "userId": ["ada"]})
    yield intent(422, b"[]")
    yield intent(422, b'"text"')
    yield intent(422, b"5")
    broken = [
        b"",
        b"{",
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b"amount=5",
        b"<xml/>",
        b'{"amount": 5,}',
        b"{'amount': 5}",
        b'{"amount": 05}',
        b'{"amount": NaN}',
        b'{"amount": 5, "intentId": "\\ud800"}',
        b'{"amount": 5} {"amount": 6}',
        b"[" * 20_000,
        b'{"a":' * 10_000,
        b'{"amount": 5, "amount": 5000}',
        b'{"amount": 5, "\\u0061mount": 5000}',
    ]
    yield from (intent(400, content) for content in broken)
    yield intent(413, b'{"amount": 5, "intentId": "' + b"x" * 70_000 + b'"}')
    yield intent(413, b" " * 65_537)


def _announcements() -> Iterator[Hostile]:
    good = orjson.dumps({"amount": 5, "intentId": NAME})
    for content_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/jsonp",
        "application/vnd.api+json",
        "*/*",
    ):
        yield intent(415, good, content_type=content_type)
    for encoding in ("gzip", "br", "deflate", "identity, gzip", "x"):
        yield intent(415, good, content_encoding=encoding)
    for key in ("x" * 256, "a\tb"):
        yield intent(400, good, idempotency_key=key)
    for authorization in (
        "",
        "Bearer",
        "Bearer null",
        "Bearer undefined",
        "Basic YWRhOmFkYQ==",
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.",
        "Bearer ../../etc/passwd",
        "Bearer " + "A" * 10_000,
        "Bearer a b",
        "DPoP x",
    ):
        yield intent(401, good, authorization=authorization)
    yield intent(431, good, x_large="x" * 17_000)


def _paths() -> Iterator[Hostile]:
    for path in (
        "/",
        "//booking/intent",
        "/booking/intent/",
        "/BOOKING/INTENT",
        "/booking",
        "/.env",
        "/.git/config",
        "/admin",
        "/metrics/",
        "/docs/..%2f..%2fsettings.py",
        "/docs/%2fetc%2fpasswd",
        "/problems/%00",
        "/resources/slots",
        "/resources//slots",
        "/resources/%00/slots",
        "/resources/%ff/slots",
        f"/resources/{'x' * 129}/slots",
        "/booking/%24where",
        "/booking/a%2fb",
        "/booking/a%0d%0aSet-Cookie:x",
        f"/booking/{'x' * 500}",
        "/booking/x' || '1'=='1",
        "/booking/{$ne:null}",
        "/booking/some/events/",
    ):
        yield Hostile(status=404, path=path)
    for method, path in (
        ("GET", INTENT + "/cancel"),
        ("DELETE", "/booking/x"),
        ("PUT", INTENT),
        ("PATCH", "/booking/x"),
        ("TRACE", "/bookings"),
        ("POST", "/bookings"),
        ("POST", "/healthz"),
        ("DELETE", "/metrics"),
    ):
        yield Hostile(status=405, method=method, path=path)
    override = {"x-http-method-override": "POST", "x-original-url": INTENT}
    yield Hostile(status=404, path="/booking/unknown", headers=override)
    for name, value in (("last-event-id", "-1"), ("if-none-match", "*"), ("range", "bytes=0-")):
        yield Hostile(status=404, path="/booking/unknown", headers={name: value})


def _queries() -> Iterator[Hostile]:
    for query in (
        "status[$ne]=pending",
        "status=",
        "status=paid",
        "limit=-1",
        "limit=0",
        "limit=101",
        "limit=1e2",
        "limit=99999999999999999999",
        "limit=5&limit=6",
        "cursor=AAAA",
        "cursor=WyIkbmUiLCJ4Il0",
        f"cursor={'A' * 401}",
        "from=now",
        "from=2026-13-01T00:00:00Z",
        "from[$gt]=2026-01-01T00:00:00Z",
        "resourceId=%00",
        "$where=sleep(1000)",
        "&".join(f"a{n}=1" for n in range(40)),
        "%ff=x",
    ):
        yield Hostile(status=422, path=f"/bookings?{query}")
    yield Hostile(status=403, path="/bookings?userId=root")
    for query in (
        "from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z",
        "from=9999-12-31T23:59:59Z",
        "to=2000-01-01T00:00:00Z",
        "userId=ada",
    ):
        yield Hostile(status=422, path=f"/resources/r1/slots?{query}")


HOSTILE: Final = (*_bodies(), *_announcements(), *_paths(), *_queries())
