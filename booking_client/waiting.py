"""Waiting until a booking is final: by server-sent events, else by asking now and then.

A stream that breaks is opened again after the last event that was seen, so nothing is missed. Where
streams do not come through (a proxy that holds them back, say), the booking is asked for, and comes
only where it has changed.
"""

from dataclasses import dataclass, replace
from time import monotonic
from typing import Final

import httpx

from booking_client.decoding import decode
from booking_client.errors import NotFinal, ProblemError, Unreachable
from booking_client.models import Booking
from booking_client.retries import Retries
from booking_client.rules import RETRIED, ask, body_of, refusal, segment
from booking_client.sse import Reader, ServerSentEvent
from booking_client.steps import Head, Request, Steps, closed, opened, paused, read

SILENCE_MAX_S: Final = 40.0
"""The gateway says something every 15 s, and the first word at once."""
VAIN_STREAMS_MAX: Final = 2
"""So many streams one after another that gave nothing, and it is asked for instead."""
OVERRUN_MAX_S: Final = 1.0
POLL_FIRST_S: Final = 0.5
POLL_MAX_S: Final = 5.0
EVENT: Final = "booking"
STREAM: Final = "text/event-stream"


@dataclass(slots=True)
class _Seen:
    """The newest of what was seen, and how to ask for what is newer."""

    intent_id: str
    until: float
    booking: Booking | None = None
    last_event_id: str = ""
    etag: str = ""
    poll_s: float = POLL_FIRST_S

    @property
    def is_final(self) -> bool:
        return self.booking is not None and self.booking.status.is_final

    @property
    def path(self) -> str:
        return f"/booking/{segment(self.intent_id)}"

    @property
    def left_s(self) -> float:
        return max(0.001, self.until - monotonic())

    @property
    def is_over(self) -> bool:
        return monotonic() >= self.until


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a stream ended: whether somebody answered, it was one at all, and anything came."""

    is_answered: bool = True
    is_stream: bool = True
    heard: bool = False
    retry_after_s: float | None = None


def wait_until_final(intent_id: str, timeout_s: float, retries: Retries) -> Steps[Booking]:
    """The booking once it is confirmed, failed or cancelled. Raises `NotFinal` at the deadline."""
    seen = _Seen(intent_id, monotonic() + timeout_s)
    yield from _streamed(seen, retries)
    try:
        while not (seen.is_final or seen.is_over):
            yield from _polled(seen, retries)
    except (Unreachable, ProblemError) as error:
        if isinstance(error, ProblemError) and error.status not in RETRIED:
            raise
        raise NotFinal(intent_id, seen.booking) from error  # it was asked again until the deadline
    if seen.booking is None or not seen.is_final:
        raise NotFinal(intent_id, seen.booking)
    return seen.booking


def _streamed(seen: _Seen, retries: Retries) -> Steps[None]:
    """Returns when the booking is final, when the time is over, or when streams are in vain."""
    attempt = vain = 0
    while vain < VAIN_STREAMS_MAX and not seen.is_over:
        ended = yield from _one_stream(seen, retries)
        if seen.is_final or not ended.is_stream:
            return
        attempt = 1 if ended.heard else attempt + 1
        vain = 0 if ended.heard else vain + ended.is_answered
        pause_s = retries.pause_s(attempt, ended.retry_after_s)
        yield from paused(min(pause_s, seen.left_s))


def _one_stream(seen: _Seen, retries: Retries) -> Steps[_Ended]:
    """Takes what comes until the booking is final or the stream ends.

    A read cannot be broken off, only given a limit when the stream is opened. So where less time is
    left than that limit, the stream is left, and the next has a shorter one.
    """
    headers = {"Accept": STREAM, "Cache-Control": "no-store"}
    limit_s = retries.answer_timeout_s
    if seen.last_event_id:
        headers["Last-Event-ID"] = seen.last_event_id
        limit_s = SILENCE_MAX_S
    limit_s = min(limit_s, seen.left_s)
    request = Request(method="GET", path=f"{seen.path}/events", headers=headers)
    try:
        head = yield from opened(request, limit_s)
    except httpx.HTTPError:
        return _Ended(is_answered=False)
    if head.status != 200 or not head.headers.get("content-type", "").startswith(STREAM):
        return (yield from _no_stream(head))
    reader, heard = Reader(), False
    try:
        while (content := (yield from read())) is not None:
            heard = True
            for event in reader.feed(content):
                _take(seen, event)
            if seen.is_final or seen.left_s < limit_s - OVERRUN_MAX_S:
                break
    except httpx.HTTPError:
        return _Ended(heard=heard)
    yield from closed()
    return _Ended(heard=heard)


def _no_stream(head: Head) -> Steps[_Ended]:
    """Raises `ProblemError` where the booking may not be followed at all."""
    try:
        answer = yield from body_of(head)
    except httpx.HTTPError:
        return _Ended(is_answered=False)
    if head.status < 400:
        return _Ended(is_stream=False)
    failure = refusal(answer)
    if failure.status not in RETRIED:
        raise failure
    return _Ended(retry_after_s=failure.retry_after_s)


def _take(seen: _Seen, event: ServerSentEvent) -> None:
    if event.name == EVENT:
        seen.booking = decode(Booking, event.data)
        seen.last_event_id = event.id


def _polled(seen: _Seen, retries: Retries) -> Steps[None]:
    """Ask for it, as often as it takes, then wait; ever longer, as it takes longer."""
    headers = {"If-None-Match": seen.etag} if seen.etag else {}
    request = Request(method="GET", path=seen.path, headers=headers)
    patient = replace(retries, attempts_max=2**31)
    answer = yield from ask(request, patient, seen.until, expected=(200, 304))
    if answer.head.status == 200:
        seen.booking = decode(Booking, answer.body)
        seen.etag = answer.head.headers.get("etag", "")
    if not seen.is_final:
        yield from paused(min(seen.poll_s, seen.left_s))
        seen.poll_s = min(POLL_MAX_S, 1.5 * seen.poll_s)
