"""The client that is awaited, on asyncio or trio."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any, Self, TypeAlias, TypeVar, Unpack

import anyio
import httpx

from booking_client import rules, waiting
from booking_client.client import WAIT_S
from booking_client.connection import arguments, checked_url, head_of
from booking_client.models import Accepted, Booking, BookingPage, BookingSummary, TakenSlots
from booking_client.retries import Retries
from booking_client.rules import Filter, Intent
from booking_client.steps import Close, Open, Pause, Read, Step, Steps

T = TypeVar("T")
AsyncToken: TypeAlias = str | Callable[[], str | Awaitable[str]]


class AsyncBookingClient:
    """As `BookingClient`, word for word; a callable `token` may be awaited too."""

    def __init__(
        self,
        base_url: str,
        *,
        token: AsyncToken | None = None,
        retries: Retries | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._url = checked_url(base_url)
        self._token = token
        self._retries = retries or Retries()
        self._http = http or httpx.AsyncClient()
        self._is_ours = http is None

    def __repr__(self) -> str:
        return f"AsyncBookingClient({self._url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        if self._is_ours:
            await self._http.aclose()

    async def create_intent(self, **intent: Unpack[Intent]) -> Accepted:
        """Wish for a booking. What becomes of it follows: see `wait_until_final`."""
        return await self._run(rules.create_intent(intent, self._retries))

    async def booking(self, intent_id: str) -> Booking:
        """What became of an intent."""
        return await self._run(rules.booking(intent_id, self._retries))

    async def cancel(self, intent_id: str, *, requested_by: str | None = None) -> Accepted:
        """Ask for a booking to be cancelled; what was paid goes back."""
        return await self._run(rules.cancel(intent_id, requested_by, self._retries))

    async def page(self, cursor: str | None = None, **wanted: Unpack[Filter]) -> BookingPage:
        """Some bookings of the caller's, newest first; it may have fewer than `page_size`."""
        return await self._run(rules.page(wanted, cursor, self._retries))

    async def bookings(self, **wanted: Unpack[Filter]) -> AsyncGenerator[BookingSummary, None]:
        """All of them, read page by page as they are taken."""
        cursor = None
        while True:
            page = await self.page(cursor, **wanted)
            for one in page.bookings:
                yield one
            if (cursor := page.next) is None:
                return

    async def taken_slots(
        self, resource_id: str, *, since: datetime | None = None, until: datetime | None = None
    ) -> TakenSlots:
        """What is taken of a resource, eventually consistent: whoever books finds out."""
        return await self._run(rules.taken_slots(resource_id, since, until, self._retries))

    async def wait_until_final(self, intent_id: str, *, timeout_s: float = WAIT_S) -> Booking:
        """The booking once it is confirmed, failed or cancelled. Raises `NotFinal` by then."""
        return await self._run(waiting.wait_until_final(intent_id, timeout_s, self._retries))

    async def _run(self, steps: Steps[T]) -> T:
        async with _Transport(self._http, self._url, self._token) as transport:
            try:
                step = next(steps)
                while True:
                    try:
                        answer = await transport.do(step)
                    except httpx.HTTPError as error:
                        step = steps.throw(error)
                    else:
                        step = steps.send(answer)
            except StopIteration as end:
                done: T = end.value
                return done


class _Transport:
    """Does the steps of one call."""

    def __init__(self, http: httpx.AsyncClient, url: str, token: AsyncToken | None) -> None:
        self._http = http
        self._url = url
        self._token = token
        self._response: httpx.Response | None = None
        self._content: AsyncIterator[bytes] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def do(self, step: Step) -> Any:
        match step:
            case Open():
                await self._close()
                token = self._token() if callable(self._token) else self._token
                whole = token if token is None or isinstance(token, str) else await token
                request = self._http.build_request(**arguments(self._url, step, whole))
                self._response = response = await self._http.send(
                    request, stream=True, follow_redirects=False
                )
                self._content = response.aiter_bytes()
                return head_of(response)
            case Read():
                assert self._content is not None
                return await anext(self._content, None)
            case Close():
                return await self._close()
            case Pause(seconds):
                return await anyio.sleep(seconds)

    async def _close(self) -> None:
        if self._response is not None:
            response, self._response = self._response, None
            with anyio.CancelScope(shield=True):
                await response.aclose()
