"""MassTransit's envelope, as its JSON serializers write it (`application/vnd.masstransit+json`)."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from postbox.decoders.envelope import event_from
from postbox.errors import MalformedMessage
from postbox.events import Decoder, Event, Received, read_time, strict_json

T = TypeVar("T")
_TRACE: Final = "MT-Activity-Id"
_CARRIED: Final = ("correlationId", "conversationId", "initiatorId", "requestId")


def masstransit(
    fact: Callable[[Event], T], *, subject: Callable[[Any], str | None] | None = None
) -> Decoder[T]:
    """The data is `message`, the id `messageId`, and the type the first `messageType`, whole.

    As in `urn:message:Shop:OrderPlaced`. The ids of correlation, conversation, initiator and
    request are extensions, in lower case. `subject(data)` is what it is about.
    """

    def read(received: Received) -> Event:
        envelope = strict_json.loads(received.body)
        if not isinstance(envelope, dict) or "message" not in envelope:
            raise MalformedMessage("not MassTransit's envelope: it has no 'message'")
        kinds = envelope.get("messageType")
        if not isinstance(kinds, list) or not kinds or not isinstance(kinds[0], str):
            raise MalformedMessage("not MassTransit's envelope: 'messageType' names no type")
        data, sent, headers = envelope["message"], envelope.get("sentTime"), envelope.get("headers")
        time, time_text = read_time(sent) if isinstance(sent, str) else (None, None)
        source = envelope.get("sourceAddress")
        return event_from(
            received,
            id=envelope.get("messageId") or received.message_id,
            type=kinds[0],
            data=data,
            subject=None if subject is None else subject(data),
            source=source if isinstance(source, str) else None,
            time=time,
            time_text=time_text,
            extensions={
                name.lower(): envelope[name] for name in _CARRIED if envelope.get(name) is not None
            },
            traceparent=headers.get(_TRACE) if isinstance(headers, dict) else None,
        )

    return Decoder(read, fact)
