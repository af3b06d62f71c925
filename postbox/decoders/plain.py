"""A plain body without an id, for which the consumer has a key of its own."""

from collections.abc import Callable
from typing import TypeVar

from postbox.decoders.envelope import event_from
from postbox.events import Decoder, Event, Received, content

T = TypeVar("T")


def plain(fact: Callable[[Event], T], *, key: Callable[[Received], str]) -> Decoder[T]:
    """`key(received)` is the id: the same for a message that is sent again, and for no other.

    The data is what the content type says; the type is the message's `type`, else its routing key.
    """

    def read(received: Received) -> Event:
        data = content(received.body, received.content_type)
        return event_from(received, id=key(received), data=data)

    return Decoder(read, fact)
