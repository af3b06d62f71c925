"""A client of the gateway: what a customer does."""

from dataclasses import dataclass
from typing import Any, Final

import httpx

from scenarios.waiting import Broken

USER: Final = "ada"
PRICE: Final = 4_200
CURRENCY: Final = "USD"


@dataclass(frozen=True)
class Accepted:
    """`replayed` where the gateway had accepted the very same request before."""

    intent_id: str
    replayed: bool


class Gateway:
    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http = http
        self._url = url
        self.traces: dict[str, str] = {}
        """The trace context of each accepted intent; a checkout page gives it to the provider."""

    async def book(
        self,
        intent_id: str,
        *,
        amount: int = PRICE,
        slot: dict[str, str] | None = None,
        payment_method: str | None = None,
        key: str | None = None,
    ) -> Accepted:
        """Wish for a booking. Raises `Broken` unless it is accepted."""
        intent = {
            "intentId": intent_id,
            "userId": USER,
            "amount": amount,
            "currency": CURRENCY,
            "slot": slot,
            "paymentMethod": payment_method,
        }
        body = {name: value for name, value in intent.items() if value is not None}
        return await self._accepted(
            "/booking/intent", body, {"Idempotency-Key": key} if key else {}
        )

    async def cancel(self, intent_id: str) -> Accepted:
        return await self._accepted(f"/booking/{intent_id}/cancel", {}, {})

    async def view(self, intent_id: str) -> dict[str, Any] | None:
        """What the gateway shows of it; None where it knows nothing of it."""
        reply = await self._http.get(f"{self._url}/booking/{intent_id}")
        if reply.status_code == httpx.codes.NOT_FOUND:
            return None
        found: dict[str, Any] = _json(reply, httpx.codes.OK)
        return found

    async def status(self, intent_id: str) -> str | None:
        view = await self.view(intent_id)
        return None if view is None else str(view["status"])

    async def _accepted(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> Accepted:
        reply = await self._http.post(self._url + path, json=body, headers=headers)
        accepted = _json(reply, httpx.codes.ACCEPTED)
        intent_id = accepted["intentId"]
        self.traces.setdefault(intent_id, reply.headers["traceresponse"])
        return Accepted(intent_id, reply.headers.get("Idempotent-Replayed") == "true")


def _json(reply: httpx.Response, expected: int) -> Any:
    if reply.status_code != expected:
        request = f"{reply.request.method} {reply.request.url.path}"
        raise Broken(f"{request} was answered {reply.status_code}: {reply.text}")
    return reply.json()
