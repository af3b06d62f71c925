"""What a request may say, and how what is wrong with it is answered: problems (RFC 9457).

A client's mistake is a 4xx that names the field; a database that is unavailable is a 503 with
`Retry-After`; a client never sees a 500 for anything it sent.
"""

import json
from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from postbox.errors import TryAgain

log = structlog.get_logger()
BODY_BYTES_MAX = 64 * 1024
RETRY_AFTER_S = 2
_JSON = "application/json"
_UTF8 = ("utf-8", "utf8")


class Problem(Exception):
    """An answer in application/problem+json. `field` names what the client got wrong."""

    def __init__(
        self,
        status: int,
        title: str,
        *,
        field: str | None = None,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.headers = headers
        self.body = {"type": "about:blank", "title": title, "status": status}
        if field is not None:
            self.body["field"] = field
        if detail is not None:
            self.body["detail"] = detail

    def response(self) -> Response:
        return reply(
            self.body, self.status, media_type="application/problem+json", headers=self.headers
        )


def reply(
    body: object,
    status: int = 200,
    *,
    media_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A JSON response; times are RFC 3339 in UTC."""
    content = orjson.dumps(body, option=orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC)
    return Response(content, status, headers=headers, media_type=media_type)


async def read_body(request: Request) -> bytes:
    """The whole body. Problem 413 as soon as it is over 64 KiB, whatever its headers claim."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                raise Problem(
                    413, "The body is too large", detail=f"the limit is {BODY_BYTES_MAX:,} bytes"
                )
    except ClientDisconnect as error:
        raise Problem(400, "The body ended early") from error
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
    if media_type != "application/json":
        raise Problem(415, f"The content type must be {_JSON}", field="Content-Type")
    charsets = [one.partition("=")[2].strip('" ') for one in parameters if "charset" in one]
    if any(charset not in _UTF8 for charset in charsets):
        detail = f"send UTF-8, as {_JSON} without a charset"
        raise Problem(415, "The body must be in UTF-8", field="Content-Type", detail=detail)
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise Problem(
            *(415, "The body must not be compressed"),
            field="Content-Encoding",
            detail=f"send it as it is, not as {encoding}",
            headers={"Accept-Encoding": "identity"},
        )


def parse_json(body: bytes) -> dict[str, Any]:
    """`body` as a JSON object, each of whose keys stands there once. Problem 400 otherwise."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(400, "The body is not JSON", field="body", detail=str(error)) from error
    if not isinstance(document, dict):
        raise Problem(422, "The body must be a JSON object", field="body")
    if (key := repeated_key(body)) is not None:
        raise Problem(400, "The same key stands twice in an object", field=key)
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


def try_again(error: TryAgain) -> Response:
    """The answer where the work cannot be done now."""
    log.warning("answered 503", reason=str(error))
    return unavailable("Not available at the moment; try again").response()


def unavailable(title: str) -> Problem:
    """503: the same request will be accepted later."""
    return Problem(503, title, headers={"Retry-After": str(RETRY_AFTER_S)})
