"""The payment provider as a port, and its adapter over HTTP.

Each call carries an idempotency key, so that it may be repeated until its answer is known. Only two
answers are final: it was done, or it was declined. Everything else is `Unanswered`, though the
provider may have done it.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from contracts.values import Reference
from postbox.telemetry import call_span
from services.payment.rules.state import Capture, Payment

STEP_TIMEOUT_S = 3.0
CALL_TIMEOUT_S = 8.0
"""All steps together: an answer that trickles in must hold nobody up."""
CONNECTIONS_MAX = 32
PAGE_ENTRIES = 500


class Declined(Exception):
    """The provider will not take the money, however often it is asked."""


class Unanswered(Exception):
    """A time-out, a conflict or an error: ask again with the same key."""


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, alias_generator=to_camel)


class Page(_Answer):
    """A page of the provider's list; `next` is where the following one starts."""

    charges: list[dict[str, Any]]
    refunds: list[dict[str, Any]]
    next: int
    more: bool


class _Captured(_Answer):
    payment_id: Reference


A = TypeVar("A", bound=_Answer)


def _understood(kind: type[A], answer: Mapping[str, Any]) -> A:
    """The answer, checked. Unanswered for one that we cannot understand: it may be mended."""
    try:
        return kind.model_validate(answer)
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, one["loc"])) for one in error.errors())
        raise Unanswered(f"the provider's answer is not understood: {wrong}") from None


class Provider(Protocol):
    """What the payment service needs of a provider."""

    async def capture(self, capture: Capture, *, traceparent: str) -> str:
        """Take the money; returns the paymentId. Raises Declined or Unanswered."""

    async def refund(self, payment: Payment) -> None:
        """Give the money back. Raises Unanswered."""

    async def list(self, after: int) -> Page:
        """Charges and refunds since the position `after`. Raises Unanswered."""


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
                "metadata": {"traceparent": traceparent},
            },
        )
        return _understood(_Captured, answer).payment_id

    async def refund(self, payment: Payment) -> None:
        charge = payment.charge
        await self._call(
            "POST",
            "/refunds",
            key=f"refund:{charge.payment_id}",
            json={
                "paymentId": charge.payment_id,
                "amount": charge.amount,
                "currency": charge.currency,
            },
        )

    async def list(self, after: int) -> Page:
        answer = await self._call("GET", f"/ledger?after={after}&limit={PAGE_ENTRIES}")
        return _understood(Page, answer)

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
        if not response.is_success:
            raise Unanswered(f"the provider answered {response.status_code}")
        try:
            answer = response.json()
        except ValueError as error:
            raise Unanswered("the provider's answer is not JSON") from error
        if not isinstance(answer, dict):
            raise Unanswered("the provider's answer is not an object")
        return answer
