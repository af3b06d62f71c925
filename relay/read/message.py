"""From a row to the message that carries it."""

from typing import Final

from postbox.errors import InvalidPayload
from postbox.mongo import Document
from postbox.outbox import Fields, event_of_row, routing_key_of
from postbox.rabbitmq import EXCHANGE, STRUCTURED, ContentMode, Outgoing
from relay.errors import Unpublishable

BODY_BYTES_MAX: Final = 1024 * 1024
HEADERS_BYTES_MAX: Final = 64 * 1024
"""All headers have to fit into one frame of 128 KiB, with what a dead letter adds to them."""
TRACE_HEADERS: Final = 2
"""So many, of a bounded length, has every event in structured mode."""
AS_THEY_ARE: Final = Fields()


def message_of(
    row: Document,
    *,
    source: str,
    exchange: str = EXCHANGE,
    mode: ContentMode = STRUCTURED,
    fields: Fields = AS_THEY_ARE,
) -> Outgoing:
    """The message of a row. Unpublishable where it lacks a field or cannot go over the wire."""
    try:
        row = fields.row(row)
        event = event_of_row(row, source=source, inserted_at=None)
        message = mode.message(
            event,
            exchange=exchange,
            routing_key=routing_key_of(row),
            headers=fields.carried(row),
        )
    except InvalidPayload as error:
        raise Unpublishable(str(error)) from error
    _check_size(message)
    return message


def _check_size(message: Outgoing) -> None:
    size = len(message.body)
    if size > BODY_BYTES_MAX:
        raise Unpublishable(f"its body has {size:,} bytes; the limit is {BODY_BYTES_MAX:,}")
    if len(message.headers) <= TRACE_HEADERS:
        return
    size = sum(len(str(value).encode()) for value in message.headers.values())
    if size > HEADERS_BYTES_MAX:
        raise Unpublishable(f"its headers have {size:,} bytes; the limit is {HEADERS_BYTES_MAX:,}")
