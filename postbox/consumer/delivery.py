"""A message as the broker delivered it, until it is settled."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aiormq.abc import DeliveredMessage
from opentelemetry.trace import Span

from postbox.events import Message
from postbox.rabbitmq import raw_properties

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
    message: Message[T] | None = None
    failures: int = 0
    verdict: tuple[str, str] | None = None  # reason and text, once it is to be set aside
    span: Span | None = None

    @classmethod
    def of(cls, delivered: DeliveredMessage) -> "Delivery[T]":
        properties = delivered.header.properties
        tag = getattr(delivered.delivery, "delivery_tag", None)
        assert tag is not None, "a delivery has a tag"
        return cls(
            tag=tag,
            body=delivered.body,
            headers=properties.headers or {},
            properties=properties,
            redelivered=bool(getattr(delivered.delivery, "redelivered", False)),
            raw=raw_properties(delivered.header),
        )
