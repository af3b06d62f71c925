"""What Debezium's outbox event router publishes: the payload, with the row's id as a header.

A payload comes as a JSON string of JSON, a document's of MongoDB's extended JSON, and is read
through; so are values that a converter wrapped in their schema.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeVar

from postbox.decoders import extended_json
from postbox.decoders.envelope import event_from
from postbox.errors import MalformedMessage
from postbox.events import Decoder, Event, Received, strict_json

T = TypeVar("T")
ID: Final = "id"
_WITH_SCHEMA = {"schema", "payload"}


def debezium(
    fact: Callable[[Event], T], *, type_field: str = "eventType", subject_field: str = "aggregateId"
) -> Decoder[T]:
    """`type_field` and `subject_field` are where `table.fields.additional.placement` puts them.

    As in `type:header:eventType,aggregateid:header:aggregateId`, or with `envelope` instead. An
    event without a type there has the routing key as its type.
    """

    def read(received: Received) -> Event:
        data, placed = _payload(received.body, {type_field, subject_field})
        placed = {name: _value(value) for name, value in received.headers.items()} | placed
        type_ = placed.get(type_field)
        return event_from(
            received,
            id=placed.get(ID),
            data=data,
            type=type_ if isinstance(type_, str) else None,
            subject=placed.get(subject_field),
            envelope=(ID, type_field, subject_field),
        )

    return Decoder(read, fact)


def _payload(body: bytes, fields: set[str]) -> tuple[Any, dict[str, Any]]:
    """The payload, and what lies beside it in the envelope, if there is one."""
    if not body:  # a tombstone, or an empty payload
        return None, {}
    value = _unwrapped(strict_json.loads(body))
    beside: dict[str, Any] = {}
    if isinstance(value, dict) and "payload" in value and fields & value.keys():
        beside = {name: part for name, part in value.items() if name != "payload"}
        value = value["payload"]
    return _through_text(value), beside


def _unwrapped(value: Any) -> Any:
    """Without the schema that Kafka Connect's JSON converter puts around it."""
    is_wrapped = isinstance(value, dict) and value.keys() == _WITH_SCHEMA
    return value["payload"] if is_wrapped else value


def _through_text(value: Any) -> Any:
    """What a text of JSON says; another text as it is."""
    if not isinstance(value, str):
        return value
    try:
        said = strict_json.loads(value.encode())
    except MalformedMessage:
        return value
    return extended_json.read(value) if extended_json.may_be(value) else said


def _value(value: Any) -> Any:
    """A header's value: the JSON converter writes even texts as JSON."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    if isinstance(text, str) and text.startswith(('"', "{")):
        with suppress(MalformedMessage):
            return _unwrapped(strict_json.loads(text.encode()))
    return text
