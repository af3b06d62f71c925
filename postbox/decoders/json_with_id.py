"""JSON whose id is the message's own: what most programs publish without a framework."""

from collections.abc import Callable
from typing import Any, TypeVar

from postbox.decoders.envelope import event_from
from postbox.events import Decoder, Event, Received, strict_json

T = TypeVar("T")


def json_with_id(
    fact: Callable[[Event], T], *, subject: Callable[[Any], str | None] | None = None
) -> Decoder[T]:
    """The body is the data, and `message_id` the id. `subject(data)` is what it is about.

    The type is the message's `type`, else its routing key; the source `app_id`.
    """

    def read(received: Received) -> Event:
        data = strict_json.loads(received.body)
        about = None if subject is None else subject(data)
        return event_from(received, id=received.message_id, data=data, subject=about)

    return Decoder(read, fact)
