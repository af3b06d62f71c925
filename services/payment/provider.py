"""The payment provider as a port, and its adapter over HTTP.

Each call carries an idempotency key, so that it may be repeated until its answer is known. Only two
answers are final: it was done, or it was declined. Everything else is `Unanswered`, though the
provider may have done it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from postbox.tracing import call_span
from services.payment.state import Capture, Payment

TIMEOUT_S = 3.0
CONNECTIONS_MAX = 32
PAGE_ENTRIES = 500


class Declined(Exception):
    """The provider will not take the money, however often it is asked."""


class Unanswered(Exception):
    """A time-out, a conflict or an error: ask again with the same key."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the provider's list; `next` is where the following one starts."""

    charges: list[Mapping[str, Any]]
    refunds: list[Mapping[str, Any]]
    next: int
    more: bool


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
            timeout=TIMEOUT_S,
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
        payment_id = answer.get("paymentId")
        if not isinstance(payment_id, str):
            raise Unanswered("the provider's answer has no paymentId")
        return payment_id

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
        return Page(answer["charges"], answer["refunds"], answer["next"], answer["more"])

    async def _call(
        self, method: str, path: str, *, key: str | None = None, json: object = None
    ) -> Mapping[str, Any]:
        headers = {"Idempotency-Key": key} if key else None
        with call_span(method, path.partition("?")[0]) as called:
            try:
                response = await self._client.request(method, path, json=json, headers=headers)
            except httpx.HTTPError as error:
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
