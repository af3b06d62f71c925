"""From a row to the message that carries it."""

from collections.abc import Mapping
from typing import Any, Final

from postbox.errors import InvalidPayload
from postbox.events import cloudevents
from postbox.outbox import event_of_row
from postbox.rabbitmq import EXCHANGE, Outgoing
from relay.errors import Unpublishable

BODY_BYTES_MAX: Final = 1024 * 1024


def message_of(
    row: Mapping[str, Any],
    *,
    source: str,
    exchange: str = EXCHANGE,
) -> Outgoing:
    """The message of a row. Unpublishable where it lacks a field or cannot go over the wire."""
    try:
        event = event_of_row(row, source=source, inserted_at=None)
    except InvalidPayload as error:
        raise Unpublishable(str(error)) from error
    body = cloudevents.encode(event)
    if len(body) > BODY_BYTES_MAX:
        raise Unpublishable(f"its body has {len(body):,} bytes; the limit is {BODY_BYTES_MAX:,}")
    return Outgoing(
        exchange=exchange,
        routing_key=event.type,
        message_id=event.id,
        body=body,
        content_type=cloudevents.CONTENT_TYPE,
        type=event.type,
        headers=cloudevents.trace_headers(event),
    )
