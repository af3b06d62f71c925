"""A message as the broker delivered it, until it is settled."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any, Generic, TypeVar

from aiormq.abc import DeliveredMessage
from opentelemetry.trace import Span

from postbox.events import Message, Received
from postbox.rabbitmq import ROUTING_KEY, raw_properties

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Delivery(Generic[T]):
    """A message that the broker waits to hear of."""

    tag: int
    body: bytes
    headers: Mapping[str, Any]
    properties: Any
    redelivered: bool
    raw: bytes
    routing_key: str | None
    """The one that it was published with, before it was redriven too; None where it was published
    to its queue past every exchange."""
    message: Message[T] | None = None
    failures: int = 0
    verdict: tuple[str, str] | None = None  # reason and text, once it is to be set aside
    span: Span | None = None
    arrived_s: float = field(default_factory=monotonic)

    @classmethod
    def of(cls, delivered: DeliveredMessage) -> "Delivery[T]":
        properties = delivered.header.properties
        headers = properties.headers or {}
        noted = headers.get(ROUTING_KEY)
        tag = getattr(delivered.delivery, "delivery_tag", None)
        assert tag is not None, "a delivery has a tag"
        return cls(
            tag=tag,
            body=delivered.body,
            headers=headers,
            properties=properties,
            redelivered=bool(getattr(delivered.delivery, "redelivered", False)),
            raw=raw_properties(delivered.header),
            routing_key=delivered.routing_key if delivered.exchange else _text(noted),
        )

    @property
    def received(self) -> Received:
        """The message as it came, for a decoder."""
        properties = self.properties
        return Received(
            body=self.body,
            headers=self.headers,
            routing_key=self.routing_key or "",
            content_type=properties.content_type,
            message_id=properties.message_id,
            type=properties.message_type,
            app_id=properties.app_id,
            correlation_id=properties.correlation_id,
            timestamp=_time(properties.timestamp),
        )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _time(timestamp: object) -> datetime | None:
    return timestamp if isinstance(timestamp, datetime) else None
