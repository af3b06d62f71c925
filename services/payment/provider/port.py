"""The payment provider as a port, and its adapter over HTTP.

Each call carries an idempotency key, so that it may be repeated until its answer is known; what was
first asked for longer ago than a provider keeps its keys is looked for before it is asked for
again. Three answers are final: it was done, it was declined, or it was refused because more would
go back than is left, and then nothing was done. Everything else is `Unanswered`, though the
provider may have done it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final, Literal, Protocol, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from contracts.money import RefundedBy
from contracts.values import Reference
from postbox.telemetry import call_span
from services.payment.rules.state import Capture, Payment, Refund, RefundStatus

STEP_TIMEOUT_S = 3.0
CALL_TIMEOUT_S = 8.0
"""All steps together: an answer that trickles in must hold nobody up."""
KEYS_KEPT: Final = timedelta(hours=23)
"""No longer is a key relied on: providers promise a day, and clocks differ."""
CONNECTIONS_MAX = 32
PAGE_ENTRIES = 500
REFUSALS: Final = ("already-refunded", "amount-exceeds-refundable")
UNKNOWN: Final = "payment-unknown"
CAPTURE_ID: Final = "captureId"


class Declined(Exception):
    """The provider will not take the money, however often it is asked."""


class Refused(Exception):
    """The provider will not give so much back: less is left of the charge. Nothing was done."""


class Unanswered(Exception):
    """A time-out, a conflict or an error: ask again with the same key."""


class UnknownCharge(Unanswered):
    """The provider does not know the charge, or not yet."""


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, alias_generator=to_camel)


class Page(_Answer):
    """A page of the provider's list; `next` is where to go on once it is taken."""

    charges: list[dict[str, Any]]
    refunds: list[dict[str, Any]]
    disputes: list[dict[str, Any]] = []
    next: int
    more: bool

    def reports(self) -> Iterator[bytes]:
        """Each entry as a webhook's body would have it."""
        for kind, entries in (
            ("charge", self.charges),
            ("refund", self.refunds),
            ("dispute", self.disputes),
        ):
            for entry in entries:
                yield json.dumps({**entry, "type": kind}).encode()


class Captured(_Answer):
    payment_id: Reference


class Refunded(_Answer):
    refund_id: Reference
    status: Literal["pending", "succeeded", "failed"] = "succeeded"


A = TypeVar("A", bound=_Answer)


def understood(kind: type[A], answer: Mapping[str, Any]) -> A:
    """The answer, checked. Unanswered for one that we cannot understand: it may be mended."""
    try:
        return kind.model_validate(answer)
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, one["loc"])) for one in error.errors())
        raise Unanswered(f"the provider's answer is not understood: {wrong}") from None


def made_refund(payment: Payment, answer: Mapping[str, Any]) -> Refund:
    """The refund that was asked for, as the provider answered it. Raises Unanswered."""
    made = understood(Refunded, answer)
    assert payment.asking is not None, "only what is decided to be asked for is asked for"
    return Refund(
        refund_id=made.refund_id,
        payment_id=payment.charge.payment_id,
        amount=payment.asking,
        status=RefundStatus(made.status),
        by=RefundedBy.SERVICE,
    )


class Provider(Protocol):
    """What the payment service needs of a provider."""

    async def capture(self, capture: Capture, *, traceparent: str) -> str:
        """Take the money; returns the paymentId. Raises Declined or Unanswered."""

    async def refund(self, payment: Payment) -> Refund:
        """Give back what is `asking`, with the payment's key. Raises Refused or Unanswered."""

    async def captured(self, capture: Capture) -> str | None:
        """The payment that this capture made, should there be one, whatever became of its key.

        Raises Declined where it was, or Unanswered.
        """

    async def refunded(self, payment: Payment) -> Refund | None:
        """The refund that was made by the payment's key, should there be one. Raises Unanswered."""

    async def charge(self, payment_id: str) -> Page | None:
        """All that is known of one charge; None where it is unknown. Raises Unanswered."""

    def pages(self, after: int) -> AsyncIterator[Page]:
        """What is new or has moved since the position `after`, in microseconds since 1970.

        Each page says where to go on once it is taken. Raises Unanswered.
        """

    async def close(self) -> None:
        """Ends its connections."""


def _problem(response: httpx.Response) -> str:
    """The last part of the problem's type, where the answer is a problem of RFC 9457."""
    if response.is_success:
        return ""
    try:
        kind = response.json()["type"]
    except (ValueError, KeyError, TypeError):
        return ""
    return kind.rpartition(":")[2] if isinstance(kind, str) else ""


class HttpProvider:
    """The provider behind a URL."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=url,
            timeout=STEP_TIMEOUT_S,
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def capture(self, capture: Capture, *, traceparent: str) -> str:
        answer = await self._call(
            "POST",
            "/captures",
            key=f"capture:{capture.capture_id}",
            json={
                "intentId": capture.intent_id,
                "userId": capture.user_id,
                "amount": capture.amount,
                "currency": capture.currency,
                "paymentMethod": capture.payment_method,
                "metadata": {"traceparent": traceparent, CAPTURE_ID: capture.capture_id},
            },
        )
        return understood(Captured, answer).payment_id

    async def refund(self, payment: Payment) -> Refund:
        charge, amount = payment.charge, payment.asking
        assert amount is not None, "only what is decided to be asked for is asked for"
        answer = await self._call(
            "POST",
            "/refunds",
            key=payment.refund_key,
            json={
                "paymentId": charge.payment_id,
                "amount": amount,
                "currency": charge.currency,
            },
        )
        return made_refund(payment, answer)

    async def captured(self, capture: Capture) -> str | None:
        async for page in self.pages(0):
            for one in page.charges:
                if (one.get("metadata") or {}).get(CAPTURE_ID) == capture.capture_id:
                    return understood(Captured, one).payment_id
        return None

    async def refunded(self, payment: Payment) -> Refund | None:
        page = await self.charge(payment.charge.payment_id)
        for one in page.refunds if page else ():
            if one.get("idempotencyKey") == payment.refund_key:
                return made_refund(payment, one)
        return None

    async def charge(self, payment_id: str) -> Page | None:
        try:
            answer = await self._call("GET", f"/charges/{quote(payment_id, safe='')}")
        except UnknownCharge:
            return None
        return understood(Page, {"next": 0, "more": False, **answer})

    async def pages(self, after: int) -> AsyncIterator[Page]:
        more = True
        while more:
            answer = await self._call("GET", f"/ledger?after={after}&limit={PAGE_ENTRIES}")
            page = understood(Page, answer)
            yield page
            after, more = page.next, page.more

    async def _call(
        self, method: str, path: str, *, key: str | None = None, json: object = None
    ) -> Mapping[str, Any]:
        headers = {"Idempotency-Key": key} if key else None
        with call_span(method, path.partition("?")[0]) as called:
            try:
                async with asyncio.timeout(CALL_TIMEOUT_S):
                    response = await self._client.request(method, path, json=json, headers=headers)
            except (httpx.HTTPError, TimeoutError) as error:
                called.failed(type(error).__name__)
                raise Unanswered(f"{type(error).__name__}: {error}") from error
            called.answered(response.status_code)
        if response.status_code == httpx.codes.PAYMENT_REQUIRED:
            raise Declined
        problem = _problem(response)
        if problem in REFUSALS:
            raise Refused(problem)
        if problem == UNKNOWN:
            raise UnknownCharge("the provider does not know the charge")
        if not response.is_success:
            raise Unanswered(f"the provider answered {response.status_code}")
        try:
            answer = response.json()
        except ValueError as error:
            raise Unanswered("the provider's answer is not JSON") from error
        if not isinstance(answer, dict):
            raise Unanswered("the provider's answer is not an object")
        return answer
