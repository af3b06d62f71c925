"""A customer who brings a trace along, and whoever looks at what was exported of it."""

import secrets
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import aio_pika
import orjson
from uuid_utils import uuid7

from scenarios.clients.connections import Connections
from scenarios.tracing.otlp import Receiver, Span
from scenarios.tracing.trace import Traces, orphans
from stack.embedded import Stack
from tests.eventually import eventually

PRICE = 4_200
USER = "ada-lovelace"
DECISION = "booking.decision"
EXPORTED_WITHIN_S = 15.0


@dataclass(frozen=True)
class Customer:
    """One intent, made under a span of the customer's own, which nobody exports."""

    intent_id: str = field(default_factory=lambda: f"traced-{uuid7().hex}")
    trace_id: str = field(default_factory=lambda: secrets.token_hex(16))
    span_id: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-01"


class TracedSystem:
    def __init__(self, stack: Stack, receiver: Receiver, connections: Connections) -> None:
        self.stack = stack
        self.receiver = receiver
        self.broker = connections.broker
        self.mongo = connections.mongo
        self._http = connections.http

    # --- what is done

    async def book(self, customer: Customer) -> str:
        """The `traceresponse` of the accepted intent."""
        reply = await self._http.post(
            f"{self.stack.info.gateway.url}/booking/intent",
            json={"intentId": customer.intent_id, "userId": USER, "amount": PRICE},
            headers={"traceparent": customer.traceparent},
        )
        assert reply.status_code == 202, reply.text
        return str(reply.headers["traceresponse"])

    async def pay(
        self, customer: Customer, traceparent: str | None, *, amount: int = PRICE, **webhook: int
    ) -> None:
        """At the provider, which gives `traceparent` back in its webhook."""
        reply = await self._http.post(
            f"{self.stack.info.provider.url}/charges",
            json={
                "intentId": customer.intent_id,
                "userId": USER,
                "amount": amount,
                "currency": "USD",
                "metadata": {"traceparent": traceparent} if traceparent else None,
                "webhook": webhook,
            },
        )
        assert reply.status_code == 201, reply.text

    async def becomes(self, customer: Customer, status: str) -> dict[str, Any]:
        async def look() -> dict[str, Any]:
            reply = await self._http.get(
                f"{self.stack.info.gateway.url}/booking/{customer.intent_id}"
            )
            view: dict[str, Any] = reply.json()
            assert view["status"] == status, view
            return view

        return await eventually(look)

    async def settled(self, customer: Customer) -> None:
        """Wait until the payment service heard that its payment pays for the booking."""

        async def look() -> bool:
            row = await self.mongo.payment.payments.find_one({"intent_id": customer.intent_id})
            return row is not None and row["state"] == "settled"

        await eventually(look)

    async def publish(self, customer: Customer, event_type: str, body: bytes) -> str:
        """Put a message on the wire under the customer's trace; its id."""
        message_id = str(uuid7())
        async with await aio_pika.connect(self.stack.info.rabbitmq.uri) as connection:
            channel = await connection.channel()
            exchange = await channel.get_exchange("events")
            message = aio_pika.Message(
                body,
                content_type="application/cloudevents+json",
                message_id=message_id,
                type=event_type,
                headers={"traceparent": customer.traceparent},
            )
            await exchange.publish(message, routing_key=event_type)
        return message_id

    # --- what is seen

    @property
    def traces(self) -> Traces:
        return Traces(self.receiver.spans)

    async def tree(self, customer: Customer, expected: str) -> list[Span]:
        """The spans of the customer's trace, once they draw the `expected` tree; no orphan."""
        return await self.tree_of(customer.trace_id, expected, root_id=customer.span_id)

    async def tree_of(
        self, trace_id: str, expected: str, *, root_id: str | None = None
    ) -> list[Span]:
        """The same for any trace; `root_id` is a span of somebody else's."""

        async def look() -> list[Span]:
            spans = self.traces[trace_id]
            seen = drawn(spans, root_id)
            assert seen == expected.strip(), f"another tree:\n{seen}"
            lost = orphans(spans, remote={root_id} if root_id else set())
            assert lost == [], f"without a parent: {lost}"
            return spans

        return await eventually(look, limit_s=EXPORTED_WITHIN_S)

    async def seen(
        self, customer: Customer, enough: Callable[[list[Span]], bool], what: str
    ) -> list[Span]:
        """The spans of the customer's trace, once they are enough."""

        async def look() -> list[Span]:
            spans = self.traces[customer.trace_id]
            assert enough(spans), f"{what}:\n{drawn_whole(spans, customer.span_id)}"
            return spans

        return await eventually(look, limit_s=EXPORTED_WITHIN_S)


def drawn(spans: Collection[Span], root_id: str | None) -> str:
    """A tree as text, `service name = decision` a line, siblings by name; times left out."""
    children: defaultdict[str | None, list[Span]] = defaultdict(list)
    for span in spans:
        children[span.parent_id].append(span)

    def lines(parent_id: str | None, depth: int) -> list[str]:
        branches = sorted(
            [f"{'  ' * depth}{_reported(span)}", *lines(span.span_id, depth + 1)]
            for span in children[parent_id]
        )
        return [line for branch in branches for line in branch]

    return "\n".join(lines(root_id, 0))


def drawn_whole(spans: Collection[Span], root_id: str) -> str:
    """The same, and below it every branch whose parent was not exported."""
    lost = {str(span.parent_id) for span in orphans(spans, remote={root_id})}
    branches = [
        f"below {parent_id}, not exported:\n{drawn(spans, parent_id)}" for parent_id in sorted(lost)
    ]
    return "\n".join([drawn(spans, root_id), *branches])


def _reported(span: Span) -> str:
    decision = f" = {span.attributes[DECISION]}" if DECISION in span.attributes else ""
    return f"{span.service} {span.name}{decision}"


def invalid_capture(customer: Customer) -> bytes:
    """An event that every consumer refuses: its amount is no number, and it names a user."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": str(uuid7()),
            "type": "payment.captured",
            "source": "/services/payment",
            "subject": customer.intent_id,
            "time": "2026-01-01T00:00:00Z",
            "datacontenttype": "application/json",
            "data": {"intentId": customer.intent_id, "userId": USER, "amount": "a lot"},
        }
    )
