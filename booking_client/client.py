"""The client that answers at once."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final, Self, TypeAlias, TypeVar, Unpack

import httpx

from booking_client import rules, waiting
from booking_client.connection import arguments, checked_url, head_of
from booking_client.models import Accepted, Booking, BookingPage, BookingSummary, TakenSlots
from booking_client.retries import Retries
from booking_client.rules import Filter, Intent
from booking_client.steps import Close, Open, Pause, Read, Step, Steps

T = TypeVar("T")
Token: TypeAlias = str | Callable[[], str]
WAIT_S: Final = 60.0


class BookingClient:
    """Over one gateway. May be shared by threads.

    `token` is asked for at each attempt where it is a callable. `http` is a client of the program's
    own (proxies, certificates, instrumentation), which the program closes.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: Token | None = None,
        retries: Retries | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        self._url = checked_url(base_url)
        self._token = token
        self._retries = retries or Retries()
        self._http = http or httpx.Client()
        self._is_ours = http is None

    def __repr__(self) -> str:
        return f"BookingClient({self._url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._is_ours:
            self._http.close()

    def create_intent(self, **intent: Unpack[Intent]) -> Accepted:
        """Wish for a booking. What becomes of it follows: see `wait_until_final`."""
        return self._run(rules.create_intent(intent, self._retries))

    def booking(self, intent_id: str) -> Booking:
        """What became of an intent."""
        return self._run(rules.booking(intent_id, self._retries))

    def cancel(self, intent_id: str, *, requested_by: str | None = None) -> Accepted:
        """Ask for a booking to be cancelled; what was paid goes back."""
        return self._run(rules.cancel(intent_id, requested_by, self._retries))

    def page(self, cursor: str | None = None, **wanted: Unpack[Filter]) -> BookingPage:
        """Some bookings of the caller's, newest first; it may have fewer than `page_size`."""
        return self._run(rules.page(wanted, cursor, self._retries))

    def bookings(self, **wanted: Unpack[Filter]) -> Iterator[BookingSummary]:
        """All of them, read page by page as they are taken."""
        page = self.page(**wanted)
        yield from page.bookings
        while page.next is not None:
            page = self.page(page.next, **wanted)
            yield from page.bookings

    def taken_slots(
        self, resource_id: str, *, since: datetime | None = None, until: datetime | None = None
    ) -> TakenSlots:
        """What is taken of a resource, eventually consistent: whoever books finds out."""
        return self._run(rules.taken_slots(resource_id, since, until, self._retries))

    def wait_until_final(self, intent_id: str, *, timeout_s: float = WAIT_S) -> Booking:
        """The booking once it is confirmed, failed or cancelled. Raises `NotFinal` by then."""
        return self._run(waiting.wait_until_final(intent_id, timeout_s, self._retries))

    def _run(self, steps: Steps[T]) -> T:
        with _Transport(self._http, self._url, self._token) as transport:
            try:
                step = next(steps)
                while True:
                    try:
                        answer = transport.do(step)
                    except httpx.HTTPError as error:
                        step = steps.throw(error)
                    else:
                        step = steps.send(answer)
            except StopIteration as end:
                done: T = end.value
                return done


class _Transport:
    """Does the steps of one call."""

    def __init__(self, http: httpx.Client, url: str, token: Token | None) -> None:
        self._http = http
        self._url = url
        self._token = token
        self._response: httpx.Response | None = None
        self._content: Iterator[bytes] = iter(())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def do(self, step: Step) -> Any:
        match step:
            case Open():
                self._close()
                token = self._token() if callable(self._token) else self._token
                request = self._http.build_request(**arguments(self._url, step, token))
                self._response = response = self._http.send(
                    request, stream=True, follow_redirects=False
                )
                self._content = response.iter_bytes()
                return head_of(response)
            case Read():
                return next(self._content, None)
            case Close():
                return self._close()
            case Pause(seconds):
                return time.sleep(seconds)

    def _close(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None
