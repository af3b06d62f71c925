"""The message that carries an event: the whole event as its body, or the data alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from postbox.events import JSON, Event, cloudevents
from postbox.rabbitmq.publisher import Outgoing


@dataclass(frozen=True, slots=True)
class ContentMode:
    """Structured; or binary, where the attributes are headers whose names begin with `prefix`."""

    prefix: str | None = None

    def message(
        self,
        event: Event,
        *,
        exchange: str,
        routing_key: str,
        headers: Mapping[str, Any] | None = None,
    ) -> Outgoing:
        """The message of `event`; `headers` are more of them than its own."""
        all_headers = {**(headers or {}), **cloudevents.message_headers(event)}
        if self.prefix is None:
            content_type, body = cloudevents.CONTENT_TYPE, cloudevents.encode(event)
        else:
            content_type = JSON
            body, attributes = cloudevents.encode_binary(event, self.prefix)
            all_headers |= attributes
        return Outgoing(
            exchange=exchange,
            routing_key=routing_key,
            message_id=event.id,
            body=body,
            content_type=content_type,
            type=event.type,
            headers=all_headers,
        )


STRUCTURED: Final = ContentMode()
