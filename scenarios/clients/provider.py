"""A client of the payment provider: the customer who pays there, and whoever breaks it."""

from collections.abc import Mapping
from typing import Any

import httpx
from uuid_utils import uuid7

from scenarios.clients.gateway import CURRENCY, PRICE, USER
from scenarios.waiting import Broken


class Provider:
    def __init__(
        self, http: httpx.AsyncClient, url: str, *, traces: Mapping[str, str] | None = None
    ) -> None:
        self._http = http
        self._url = url
        self._traces = {} if traces is None else traces

    async def charge(self, intent_id: str, *, amount: int = PRICE, **webhook: int | bool) -> str:
        """The customer pays; the paymentId. `webhook`: delayMs, repeat, drop."""
        order = {"intentId": intent_id, "userId": USER, "amount": amount, "currency": CURRENCY}
        trace = self._traces.get(intent_id)
        metadata = {"traceparent": trace} if trace else {}
        reply = await self._ask(
            "POST", "/charges", {**order, "metadata": metadata, "webhook": webhook}
        )
        return str(reply["paymentId"])

    async def break_captures(self, intent_id: str, **faults: int | bool) -> None:
        """What the next captures for this intent suffer."""
        await self._ask("PUT", "/faults", {"captures": {"intentId": intent_id, **faults}})

    async def break_refunds(self, intent_id: str, **faults: int) -> None:
        await self._ask("PUT", "/faults", {"refunds": {"intentId": intent_id, **faults}})

    async def refund(self, payment_id: str, amount: int = PRICE) -> str:
        """Somebody gives money back in the provider's dashboard; the refundId."""
        order = {"paymentId": payment_id, "amount": amount, "currency": CURRENCY}
        key = {"Idempotency-Key": f"dashboard-{uuid7().hex}"}
        reply = await self._ask("POST", "/refunds", order, headers=key)
        return str(reply["refundId"])

    async def dispute(self, payment_id: str, amount: int = PRICE, **webhook: bool) -> str:
        """The customer's bank asks for money back; the disputeId."""
        order = {"paymentId": payment_id, "amount": amount, "webhook": webhook}
        return str((await self._ask("POST", "/disputes", order))["disputeId"])

    async def close_dispute(self, dispute_id: str, outcome: str) -> None:
        await self._ask("POST", f"/disputes/{dispute_id}", {"outcome": outcome})

    async def webhooks_owed(self) -> int:
        """How many webhooks it could not deliver yet."""
        return int((await self._ask("GET", "/readyz"))["webhooksPending"])

    async def ledger(self) -> dict[str, list[dict[str, Any]]]:
        ledger: dict[str, list[dict[str, Any]]] = await self._ask("GET", "/ledger")
        return ledger

    async def _ask(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Any:
        reply = await self._http.request(method, self._url + path, json=body, headers=headers)
        if not reply.is_success:
            raise Broken(f"the provider answered {method} {path} {reply.status_code}: {reply.text}")
        return reply.json()
