"""Each call of the API: what it asks, when it asks again, and what its answer means.

Everything here may be asked again: what reads changes nothing, an intent goes with its key, and a
second cancellation finds the first.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from time import monotonic
from typing import Final, Required, TypedDict, cast
from urllib.parse import quote
from uuid import uuid4

import httpx

from booking_client.decoding import decode
from booking_client.errors import ProblemError, UnexpectedAnswer, Unreachable, problem
from booking_client.models import Accepted, Booking, BookingPage, Slot, Status, TakenSlots
from booking_client.retries import Retries
from booking_client.steps import Head, Request, Steps, closed, opened, paused, read

ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
IDEMPOTENCY_KEY_MAX_CHARS: Final = 255
RETRIED: Final = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Answer:
    head: Head
    body: bytes


class Intent(TypedDict, total=False):
    """What may be said of an intent; `amount` is in the currency's minor unit.

    With a token, the user is the token's. A key of the program's own makes it safe to ask again
    after the program died; otherwise one is drawn for one call and its retries.
    """

    amount: Required[int]
    currency: str | None
    user_id: str | None
    intent_id: str | None
    slot: Slot | None
    payment_method: str | None
    idempotency_key: str | None


class Filter(TypedDict, total=False):
    """Which bookings to list; `since` and `until` are about when they were made."""

    status: Status | None
    resource_id: str | None
    user_id: str | None
    since: datetime | None
    until: datetime | None
    page_size: int | None


def create_intent(intent: Intent, retries: Retries) -> Steps[Accepted]:
    slot = intent.get("slot")
    body = {
        "amount": intent["amount"],
        "currency": intent.get("currency"),
        "userId": intent.get("user_id"),
        "intentId": intent.get("intent_id"),
        "slot": slot and slot.to_json(),
        "paymentMethod": intent.get("payment_method"),
    }
    headers = {"Idempotency-Key": _key(intent.get("idempotency_key"))}
    request = Request(method="POST", path="/booking/intent", headers=headers, body=_given(body))
    return (yield from _accepted(request, retries))


def cancel(intent_id: str, requested_by: str | None, retries: Retries) -> Steps[Accepted]:
    body = _given({"requestedBy": requested_by})
    path = f"/booking/{segment(intent_id)}/cancel"
    return (yield from _accepted(Request(method="POST", path=path, body=body), retries))


def booking(intent_id: str, retries: Retries) -> Steps[Booking]:
    return decode(Booking, (yield from _read(f"/booking/{segment(intent_id)}", retries)))


def page(wanted: Filter, cursor: str | None, retries: Retries) -> Steps[BookingPage]:
    status = wanted.get("status")
    query = {
        "status": status and status.value,
        "resourceId": wanted.get("resource_id"),
        "userId": wanted.get("user_id"),
        "from": _time("since", wanted.get("since")),
        "to": _time("until", wanted.get("until")),
        "limit": wanted.get("page_size"),
        "cursor": cursor,
    }
    return decode(BookingPage, (yield from _read("/bookings", retries, query)))


def taken_slots(
    resource_id: str, since: datetime | None, until: datetime | None, retries: Retries
) -> Steps[TakenSlots]:
    query = {"from": _time("since", since), "to": _time("until", until)}
    path = f"/resources/{segment(resource_id)}/slots"
    return decode(TakenSlots, (yield from _read(path, retries, query)))


def ask(
    request: Request, retries: Retries, until: float, *, expected: tuple[int, ...]
) -> Steps[Answer]:
    """The answer to `request`, asked again until `until` where it did not come or was "not now".

    Raises `Unreachable` where none came, `ProblemError` for one that is none of `expected`.
    """
    for attempt in count(1):
        failure: ProblemError | Unreachable
        try:
            answer = yield from _exchanged(request, min(retries.answer_timeout_s, _left(until)))
        except httpx.HTTPError as error:
            failure, wait_s = _unreachable(request, error), None
        else:
            if answer.head.status in expected:
                return answer
            failure = refusal(answer)
            if answer.head.status not in RETRIED:
                raise failure
            wait_s = failure.retry_after_s
        pause_s = retries.pause_s(attempt, wait_s)
        if attempt >= retries.attempts_max or pause_s >= until - monotonic():
            raise failure
        yield from paused(pause_s)
    raise AssertionError("count() has no end")


def refusal(answer: Answer) -> ProblemError:
    """The problem that an answer is; one without a document is known by its status."""
    try:
        document = json.loads(answer.body)
    except ValueError:
        document = None
    return problem(
        answer.head.status,
        cast("dict[str, object]", document) if isinstance(document, dict) else {},
        answer.head.headers.get("retry-after"),
    )


def body_of(head: Head) -> Steps[Answer]:
    """The whole of the answer that is open."""
    body = bytearray()
    while (content := (yield from read())) is not None:
        body += content
        if len(body) > ANSWER_BYTES_MAX:
            raise UnexpectedAnswer(f"the answer is over {ANSWER_BYTES_MAX:,} bytes")
    yield from closed()
    return Answer(head, bytes(body))


def segment(value: str) -> str:
    """An id as one segment of a path; the dots of "." and ".." would be taken for the path's."""
    return quote(value, safe="").replace(".", "%2E")


def _exchanged(request: Request, timeout_s: float) -> Steps[Answer]:
    head = yield from opened(request, timeout_s)
    return (yield from body_of(head))


def _read(path: str, retries: Retries, query: Mapping[str, object] | None = None) -> Steps[bytes]:
    text = {name: str(value) for name, value in _given(query or {}).items()}
    request = Request(method="GET", path=path, query=text)
    answer = yield from ask(request, retries, monotonic() + retries.deadline_s, expected=(200,))
    return answer.body


def _accepted(request: Request, retries: Retries) -> Steps[Accepted]:
    until = monotonic() + retries.deadline_s
    answer = yield from ask(request, retries, until, expected=(202,))
    headers = answer.head.headers
    return replace(
        decode(Accepted, answer.body),
        replayed=headers.get("idempotent-replayed") == "true",
        trace=headers.get("traceresponse"),
    )


def _unreachable(request: Request, error: httpx.HTTPError) -> Unreachable:
    unreachable = Unreachable(f"{request.method} {request.path}: {type(error).__name__} {error}")
    unreachable.__cause__ = error
    return unreachable


def _left(until: float) -> float:
    """A socket takes no limit of 0."""
    return max(0.001, until - monotonic())


def _key(key: str | None) -> str:
    if key is None:
        return uuid4().hex
    if not 1 <= len(key) <= IDEMPOTENCY_KEY_MAX_CHARS or not (key.isascii() and key.isprintable()):
        raise ValueError(
            f"idempotency_key: 1 to {IDEMPOTENCY_KEY_MAX_CHARS} printable ASCII characters"
        )
    return key


def _time(name: str, time: datetime | None) -> str | None:
    if time is None:
        return None
    if time.tzinfo is None:
        raise ValueError(f"{name}: must have a time zone")
    return time.isoformat()


def _given(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}
