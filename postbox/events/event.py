"""An event as it is stored in the outbox and carried on the wire: a fact, immutable."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol

import uuid_utils

PARTITIONS = 64


class Fact(Protocol):
    """What an application emits: a type, the subject it is about, and JSON data."""

    TYPE: ClassVar[str]

    @property
    def subject(self) -> str: ...

    def data(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact with its envelope: identity, origin, time (UTC) and W3C trace context."""

    id: str
    type: str
    subject: str
    source: str
    time: datetime
    data: Mapping[str, Any]
    traceparent: str | None = None
    tracestate: str | None = None


def new_id() -> str:
    """A UUIDv7 string: unique, and roughly ordered by creation, which keeps indexes compact."""
    return str(uuid_utils.uuid7())


def partition(subject: str) -> int:
    """The partition (0..63) that all events of one subject share, the same in every process."""
    return zlib.crc32(subject.encode(errors="surrogatepass")) % PARTITIONS
