"""Errors as RFC 9457 problems. Whatever a client sends wrongly ends here, never in a 500."""

import sqlite3
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

BODY_BYTES_MAX = 65_536

Model = TypeVar("Model", bound=BaseModel)


class Problem(Exception):
    """An answer of 4xx or 5xx, raised where it is found; `more` are members of the problem."""

    def __init__(self, status: int, kind: str, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.more = more

    def body(self) -> bytes:
        return orjson.dumps(
            {
                "type": f"urn:provider:problem:{self.kind}",
                "title": self.kind.replace("-", " ").capitalize(),
                "status": self.status,
                "detail": self.detail,
                **self.more,
            }
        )

    def response(self, headers: dict[str, str] | None = None) -> Response:
        return Response(
            self.body(), self.status, media_type="application/problem+json", headers=headers
        )


async def read_body(request: Request, model: type[Model]) -> Model:
    """The request's body as `model`; a Problem of 400, 413 or 422 if it is not one."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > BODY_BYTES_MAX:
            raise Problem(413, "body-too-large", f"a body may have {BODY_BYTES_MAX} bytes")
    try:
        return model.model_validate(orjson.loads(raw))
    except orjson.JSONDecodeError as error:
        raise Problem(400, "not-json", str(error)) from error
    except ValidationError as error:
        raise invalid(error) from error


def invalid(error: ValidationError) -> Problem:
    errors = [
        {"field": ".".join(map(str, one["loc"])) or "body", "message": one["msg"]}
        for one in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    fields = ", ".join(dict.fromkeys(one["field"] for one in errors))
    return Problem(422, "invalid", f"invalid: {fields}", errors=errors)


def on_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


def on_http_exception(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "bad-request")
    headers = dict(error.headers) if error.headers else None
    return Problem(error.status_code, kind, error.detail).response(headers)


def on_database_error(_: Request, error: Exception) -> Response:
    """The ledger cannot be written (disk full, say): nothing was done, so try again."""
    return Problem(503, "ledger-unavailable", str(error)).response({"retry-after": "1"})


EXCEPTION_HANDLERS = {
    Problem: on_problem,
    HTTPException: on_http_exception,
    sqlite3.Error: on_database_error,
}
