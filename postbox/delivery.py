"""Deliveries of one channel, and their acknowledgement once they are settled."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aiormq.abc import AbstractChannel as RawChannel
from aiormq.abc import DeliveredMessage
from opentelemetry.context import Context
from opentelemetry.trace import Span

from postbox.event import Event

T = TypeVar("T")


@dataclass(slots=True)
class Message(Generic[T]):
    """An event as a handler gets it: the envelope, the decoded fact, and its trace."""

    event: Event
    fact: T
    context: Context


@dataclass(slots=True, eq=False)
class Delivery(Generic[T]):
    """A message that the broker waits to hear of."""

    tag: int
    body: bytes
    headers: Mapping[str, Any]
    properties: Any
    redelivered: bool
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
        )


class Unsettled:
    """The delivery tags of one channel that are not acknowledged yet, oldest first."""

    def __init__(self, channel: RawChannel) -> None:
        self._channel = channel
        self._tags: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self._tags)

    def add(self, tag: int) -> None:
        self._tags[tag] = None

    async def settle(self, tags: Collection[int]) -> None:
        """Acknowledge `tags`: the oldest unbroken run of them by one frame, the rest one by one.

        One that still waits for another try is never swept along by a later one.
        """
        settled = set(tags)
        run: int | None = None
        for tag in self._tags:
            if tag not in settled:
                break
            run = tag
        for tag in settled:
            del self._tags[tag]
        if run is not None:
            await self._channel.basic_ack(run, multiple=True, wait=False)
        for tag in sorted(settled):
            if run is None or tag > run:
                await self._channel.basic_ack(tag, wait=False)
