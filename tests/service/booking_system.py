"""All that a test does to the running services, from outside: HTTP, and reading what they wrote."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
from standardwebhooks import Webhook
from uuid_utils import uuid7

from postbox.mongo import Client, Document
from stack.running import RunningStack
from tests.eventually import eventually
from tests.metrics.exposition import scrape

FINAL = {"confirmed", "failed", "cancelled"}
OF_OWN_REFUNDS = [
    "payment.refunded",
    "payment.refund.pending",
    "payment.refund.failed",
    "payment.refund.stuck",
]
AT_REST = {"settled", "refunded", "partially_refunded", "disputed", "charged_back"}
PRICE = 1_000
QUANTUM = timedelta(minutes=15)
ALL = ("gateway", "booking", "payment", "relay", "provider")


def fresh(prefix: str) -> str:
    return f"{prefix}-{uuid7().hex}"


def slot(resource: str, *, quanta: int = 4, starts_in: timedelta = timedelta(days=1)) -> Document:
    """A slot on the grid."""
    start = datetime.now(UTC) + starts_in
    start = start.replace(minute=0, second=0, microsecond=0)
    return {
        "resourceId": resource,
        "startsAt": start.isoformat(),
        "endsAt": (start + quanta * QUANTUM).isoformat(),
    }


class BookingSystem:
    """The customer, the provider, and somebody who may look into the databases."""

    def __init__(self, stack: RunningStack, http: httpx.AsyncClient, client: Client) -> None:
        self.stack = stack
        self.http = http
        self.client = client
        info = stack.info
        self.gateway = info.gateway.url
        self.payment = info.payment.url
        self.provider = info.provider.url
        self._webhook = Webhook(info.payment.webhook_secret)

    async def book(self, key: str | None = None, **fields: Any) -> httpx.Response:
        """An intent to book; `fields` go into the body."""
        body = {"userId": "ada", "amount": PRICE, **fields}
        headers = {"Idempotency-Key": key} if key else {}
        return await self.http.post(f"{self.gateway}/booking/intent", json=body, headers=headers)

    async def booked(self, **fields: Any) -> str:
        """The intentId of an intent that was accepted."""
        answer = await self.book(**fields)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["intentId"])

    async def cancel(self, intent_id: str) -> httpx.Response:
        return await self.http.post(f"{self.gateway}/booking/{intent_id}/cancel")

    async def show(self, intent_id: str) -> httpx.Response:
        return await self.http.get(f"{self.gateway}/booking/{intent_id}")

    async def final(
        self, intent_id: str, *, entries: int = 1, limit_s: float = 20.0
    ) -> dict[str, Any]:
        """The booking, once it is final, its money at rest and so many entries in its timeline.

        Each service's events come from an outbox of its own: the last may be there before others.
        """

        async def look() -> dict[str, Any]:
            answer = await self.show(intent_id)
            assert answer.status_code == 200, answer.text
            view: dict[str, Any] = answer.json()
            resting = all(payment["status"] in AT_REST for payment in view["payments"])
            assert view["status"] in FINAL, view
            assert resting, view
            assert len(view["timeline"]) >= entries, view
            return view

        return await eventually(look, limit_s=limit_s)

    async def pay(self, intent_id: str, **fields: Any) -> str:
        """The customer pays at the provider, which sends its webhook; the paymentId."""
        body = {"intentId": intent_id, "userId": "ada", "amount": PRICE, "currency": "USD"}
        answer = await self.http.post(f"{self.provider}/charges", json={**body, **fields})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["paymentId"])

    def charge(self, intent_id: str, **fields: Any) -> dict[str, Any]:
        """The body of a webhook, for a charge that the provider's own list does not have."""
        return {
            "paymentId": fresh("pay"),
            "intentId": intent_id,
            "userId": "ada",
            "amount": PRICE,
            "currency": "USD",
            **fields,
        }

    def signed(self, body: bytes, *, at: datetime | None = None) -> dict[str, str]:
        """The headers of a webhook that the provider would send."""
        at = at or datetime.now(UTC)
        message_id = fresh("msg")
        return {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self._webhook.sign(message_id, at, body.decode()),
        }

    async def webhook(
        self, body: object, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Sent as the provider sends it; `headers` instead of rightly signed ones."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        return await self.http.post(
            f"{self.payment}/payment/captured",
            content=content,
            headers=self.signed(content) if headers is None else headers,
        )

    async def ledger(self, intent_id: str) -> tuple[list[Document], list[Document]]:
        """The provider's charges of an intent, and their refunds."""
        ledger = (await self.http.get(f"{self.provider}/ledger")).json()
        charges = [one for one in ledger["charges"] if one["intentId"] == intent_id]
        ids = {one["paymentId"] for one in charges}
        return charges, [one for one in ledger["refunds"] if one["paymentId"] in ids]

    async def fault(self, **faults: Any) -> None:
        """Arm faults of the provider."""
        answer = await self.http.put(f"{self.provider}/faults", json=faults)
        assert answer.status_code == 200, answer.text

    async def events(self, service: str, intent_id: str) -> list[str]:
        """The types of the events that a service has emitted about an intent."""
        rows = self.client[service]["outbox"].find({"subject": intent_id}).sort("time")
        return [row["type"] async for row in rows]

    async def written(self) -> dict[str, int]:
        """How much there is of all that only a request makes.

        Not what the payment service reports of its own refunds, which end at their own time.
        """
        collections = {
            "gateway": ("intents", "idempotency", "outbox"),
            "payment": ("payments", "outbox", "unreadable_charges"),
        }
        by_request = {"type": {"$nin": OF_OWN_REFUNDS}}
        return {
            f"{database}.{name}": await self.client[database][name].count_documents(by_request)
            for database, names in collections.items()
            for name in names
        }

    async def readiness(self, program: str) -> dict[str, str]:
        """What each part of a program says of itself."""
        url = getattr(self.stack.info, program).url
        checks: dict[str, str] = (await self.http.get(f"{url}/readyz")).json()["checks"]
        return checks

    async def counted(self, program: str, name: str, **labels: str) -> float:
        """What a program's counter shows, over all its series with these labels."""
        series = await scrape(self.http, getattr(self.stack.info, program).url)
        return sum(
            one.value for one in series if one.name == name and labels.items() <= one.labels.items()
        )
