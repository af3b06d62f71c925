"""An event as it is stored in the outbox and carried on the wire: a fact, immutable."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, ClassVar, Final, Protocol

import uuid_utils

PARTITIONS = 64
JSON: Final = "application/json"
TYPE_BYTES_MAX = 255
"""AMQP's limit for a routing key, which the type is."""


class Fact(Protocol):
    """What an application emits: a type, the subject it is about, and JSON data."""

    TYPE: ClassVar[str]

    @property
    def subject(self) -> str: ...

    def data(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact with its envelope: identity, origin, time, W3C trace context and headers.

    `subject` and `time` are None in an event of somebody else who leaves them out. `data` is what
    its content type says: a JSON value, text, bytes, or None where there is none; our own events
    have an object. `headers` are the application's own; what the envelope and the broker say is not
    among them.
    """

    id: str
    type: str
    source: str
    subject: str | None = None
    time: datetime | None = None
    data: Any = None
    datacontenttype: str | None = JSON
    dataschema: str | None = None
    time_text: str | None = None
    """The time as it came, where `time` cannot say all of it: a fraction finer than a microsecond,
    or a leap second."""
    extensions: Mapping[str, Any] = field(default_factory=dict)
    """The extension attributes, by the names that they came with."""
    traceparent: str | None = None
    tracestate: str | None = None
    headers: Mapping[str, Any] = field(default_factory=dict)


(
    _id, _type, _source, _subject, _time, _data,
    _datacontenttype, _dataschema, _time_text, _extensions, _traceparent, _tracestate, _headers,
) = (Event.__dict__[one.name].__set__ for one in fields(Event))  # fmt: skip


def event(
    id: str, type: str, source: str, subject: str | None, time: datetime | None, data: object,
    datacontenttype: str | None, dataschema: str | None, time_text: str | None,
    extensions: Mapping[str, Any], traceparent: str | None, tracestate: str | None,
    headers: Mapping[str, Any],
) -> Event:  # fmt: skip
    """An Event at a third of what its constructor costs: a frozen dataclass sets fields slowly."""
    made = object.__new__(Event)
    _id(made, id)
    _type(made, type)
    _source(made, source)
    _subject(made, subject)
    _time(made, time)
    _data(made, data)
    _datacontenttype(made, datacontenttype)
    _dataschema(made, dataschema)
    _time_text(made, time_text)
    _extensions(made, extensions)
    _traceparent(made, traceparent)
    _tracestate(made, tracestate)
    _headers(made, headers)
    return made


def new_id() -> str:
    """A UUIDv7 string: unique, and roughly ordered by creation, which keeps indexes compact."""
    return str(uuid_utils.uuid7())


def partition(subject: str) -> int:
    """The partition (0..63) that all events of one subject share, the same in every process."""
    return zlib.crc32(subject.encode(errors="surrogatepass")) % PARTITIONS
