"""Errors as Stripe answers them: `{"error": {type, code, message, param, ...}}`."""

import sqlite3
from typing import Any, Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from stack.provider.problems import Problem

DOCS: Final = "https://docs.stripe.com/error-codes/"


class StripeError(Exception):
    """An answer of 4xx or 5xx, raised where it is found."""

    def __init__(
        self, status: int, kind: str, message: str, *, code: str | None = None, **more: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        about = {"code": code, "doc_url": f"{DOCS}{code.replace('_', '-')}"} if code else {}
        given = {name: value for name, value in more.items() if value is not None}
        self.error = {"type": kind, "message": message, **about, **given}

    def body(self) -> bytes:
        return orjson.dumps({"error": self.error})


def invalid_request(
    message: str, *, status: int = 400, param: str | None = None, code: str | None = None
) -> StripeError:
    return StripeError(status, "invalid_request_error", message, code=code, param=param)


def missing(kind: str, id_: str, param: str) -> StripeError:
    return invalid_request(
        f"No such {kind}: '{id_}'", status=404, param=param, code="resource_missing"
    )


def of_problem(problem: Problem) -> StripeError:
    """What the ledger or a fault says, in Stripe's words."""
    match problem.kind:
        case "in-progress":
            return StripeError(
                409,
                "idempotency_error",
                "There is currently another in-progress request using this Idempotent Key.",
                code="idempotency_key_in_use",
            )
        case "idempotency-key-reused":
            message = (
                "Keys for idempotent requests can only be used with the same parameters they were"
                " first used with."
            )
            return StripeError(400, "idempotency_error", message)
        case "busy":
            message = "Request rate limit exceeded."
            return StripeError(429, "invalid_request_error", message, code="rate_limit")
        case "locked":
            message = "This object cannot be accessed right now because another request holds it."
            return StripeError(409, "invalid_request_error", message, code="lock_timeout")
        case "already-refunded" if problem.more["disputed"] or problem.more["chargedBack"]:
            message = "The charge has been charged back; cannot issue a refund."
            return invalid_request(message, code="charge_disputed")
        case "already-refunded":
            message = "The charge has already been refunded."
            return invalid_request(message, code="charge_already_refunded")
        case "amount-exceeds-refundable":
            left = problem.more["refundable"]
            message = f"Refund amount is greater than unrefunded amount on charge ({left})"
            return invalid_request(message, param="amount")
        case _ if problem.status < 500:
            return invalid_request(problem.detail, status=problem.status)
        case _:
            return StripeError(problem.status, "api_error", problem.detail)


def _response(error: StripeError) -> Response:
    return Response(error.body(), error.status, media_type="application/json")


def on_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, StripeError)
    return _response(error)


def on_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return _response(of_problem(error))


def on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"Unrecognized request URL ({request.method}: {request.url.path})."
    return _response(invalid_request(message, status=error.status_code))


def on_database_error(_: Request, error: Exception) -> Response:
    """The ledger cannot be written: nothing was done, so try again."""
    return _response(StripeError(503, "api_error", str(error)))


EXCEPTION_HANDLERS = {
    StripeError: on_error,
    Problem: on_problem,
    HTTPException: on_http_exception,
    sqlite3.Error: on_database_error,
}
