"""What a body is announced as, and what it says, is taken by its word or refused by name."""

import json
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from postbox.service.edge.limits import BODY_BYTES_MAX
from postbox.service.edge.problems import (
    BODY_ENDED_EARLY,
    BODY_TOO_LARGE,
    NOT_JSON,
    NOT_VALID,
    REPEATED_KEY,
    UNSUPPORTED_BODY,
)

_JSON = "application/json"
_UTF8 = ("utf-8", "utf8")


async def read_body(request: Request) -> bytes:
    """The whole body. Problem 413 as soon as it is over 64 KiB, whatever its headers claim."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                raise BODY_TOO_LARGE.problem(detail=f"the limit is {BODY_BYTES_MAX:,} bytes")
    except ClientDisconnect as error:
        raise BODY_ENDED_EARLY.problem() from error
    return bytes(body)


async def read_json(request: Request) -> dict[str, Any]:
    """The body as a JSON object. Problem 415, 413 or 400 otherwise."""
    expect_json(request.headers)
    return parse_json(await read_body(request))


def expect_json(headers: Mapping[str, str]) -> None:
    """Problem 415 unless the headers announce JSON in UTF-8, as it is, and say what to send."""
    media_type, *parameters = (
        part.strip().lower() for part in headers.get("content-type", "").split(";")
    )
    if media_type != _JSON:
        detail = f"the content type must be {_JSON}"
        raise UNSUPPORTED_BODY.problem(field="Content-Type", detail=detail)
    charsets = [one.partition("=")[2].strip('" ') for one in parameters if "charset" in one]
    if any(charset not in _UTF8 for charset in charsets):
        detail = f"send UTF-8, as {_JSON} without a charset"
        raise UNSUPPORTED_BODY.problem(field="Content-Type", detail=detail)
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise UNSUPPORTED_BODY.problem(
            field="Content-Encoding",
            detail=f"send it as it is, not as {encoding}",
            headers={"Accept-Encoding": "identity"},
        )


def parse_json(body: bytes) -> dict[str, Any]:
    """`body` as a JSON object, each of whose keys stands there once. Problem 400 otherwise."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NOT_JSON.problem(field="body", detail=str(error)) from error
    if not isinstance(document, dict):
        raise NOT_VALID.problem(field="body", detail="body: it must be a JSON object")
    if (key := repeated_key(body)) is not None:
        raise REPEATED_KEY.problem(field=key)
    return document


def repeated_key(body: bytes) -> str | None:
    """The first key that stands twice in one object of `body`, which is JSON; None where none does.

    Parsers disagree on which of the two values counts, and no fast one says that there are two.
    """
    try:
        json.loads(body, object_pairs_hook=_unique)
    except _Repeated as repeated:
        return repeated.key
    return None


class _Repeated(Exception):
    def __init__(self, key: str) -> None:
        self.key = key


def _unique(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise _Repeated(key)
        seen.add(key)
