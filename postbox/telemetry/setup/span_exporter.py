"""Spans in OTLP's protobuf over HTTP, encoded by hand at a fraction of the library's cost.

Where every flow is recorded, a busy program spends more time on encoding spans than on making them.
What is rare (links, events, lists and fractions as values) is left to the library. This module
alone touches the exporter's insides.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from struct import Struct
from typing import Final

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.util.types import AnyValue

CACHED_MAX: Final = 1_024
UINT64: Final = (1 << 64) - 1

# Tags of opentelemetry/proto/trace/v1/trace.proto and common.proto: field number and wire type.
_TRACE_ID, _SPAN_ID, _PARENT_ID = b"\x0a\x10", b"\x12\x08", b"\x22\x08"  # with their lengths
_TIMES: Final = Struct("<BQBQ")
_START, _END = 0x39, 0x41
_FLAGS: Final = Struct("<HI")
_FLAGS_TAG: Final = 0x0185
_HAS_IS_REMOTE, _IS_REMOTE = 0x100, 0x200


class SpanExporter(OTLPSpanExporter):
    """The SDK's own, configured by the same variables, but for the encoding."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them; the exporter's own client tries again, and says why where it failed."""
        is_taken = self._client.export(encode(spans)).success
        return SpanExportResult.SUCCESS if is_taken else SpanExportResult.FAILURE


def encode(spans: Iterable[ReadableSpan]) -> bytes:
    """An ExportTraceServiceRequest."""
    groups: dict[tuple[Resource, InstrumentationScope | None], list[bytes]] = defaultdict(list)
    rare: list[ReadableSpan] = []
    for span in spans:
        try:
            groups[span.resource, span.instrumentation_scope].append(_field(2, _span(span)))
        except _Rare:
            rare.append(span)
    by_hand = b"".join(
        _field(1, _field(1, _attributes(1, resource)) + _field(2, _scope(scope) + b"".join(group)))
        for (resource, scope), group in groups.items()
    )
    # Messages that are joined are merged: repeated fields, one after the other.
    return by_hand + encode_spans(rare).SerializeToString() if rare else by_hand


class _Rare(Exception):
    """For the library to encode."""


def _span(span: ReadableSpan) -> bytes:
    context, parent = span.context, span.parent
    if span.events or span.links or context is None:
        raise _Rare
    flags = _HAS_IS_REMOTE
    parts = [_TRACE_ID, context.trace_id.to_bytes(16), _SPAN_ID, context.span_id.to_bytes(8)]
    if parent is not None:
        parts += (_PARENT_ID, parent.span_id.to_bytes(8))
        flags |= _IS_REMOTE if parent.is_remote else 0
    parts.append(_name(span.name, span.kind.value))
    parts.append(_TIMES.pack(_START, span.start_time or 0, _END, span.end_time or 0))
    parts += [_attribute(9, key, value) for key, value in (span.attributes or {}).items()]
    if context.trace_state:
        parts.append(_field(3, context.trace_state.to_header().encode()))
    parts.append(_status(span.status.status_code.value, span.status.description or ""))
    parts.append(_FLAGS.pack(_FLAGS_TAG, flags))
    return b"".join(parts)


@lru_cache(CACHED_MAX)
def _name(name: str, kind: int) -> bytes:
    return _field(5, name.encode()) + bytes((0x30, kind + 1))


@lru_cache(CACHED_MAX)
def _status(code: int, description: str) -> bytes:
    message = _field(2, description.encode()) if description else b""
    return _field(15, message + (bytes((0x18, code)) if code else b""))


def _scope(scope: InstrumentationScope | None) -> bytes:
    if scope is None:
        return b""
    named = _field(1, scope.name.encode()) + _field(2, (scope.version or "").encode())
    return _field(1, named + _attributes(3, scope))


def _attributes(field: int, owner: Resource | InstrumentationScope) -> bytes:
    items = (owner.attributes or {}).items()
    return b"".join(_attribute(field, key, value) for key, value in items)


def _attribute(field: int, key: str, value: AnyValue) -> bytes:
    kind = type(value)
    if kind is str or kind is int or kind is bool:
        return _known(field, key, value)
    raise _Rare


@lru_cache(CACHED_MAX, typed=True)
def _known(field: int, key: str, value: str | int | bool) -> bytes:
    if isinstance(value, str):
        any_value = _field(1, value.encode(errors="replace"))
    elif isinstance(value, bool):
        any_value = bytes((0x10, value))
    else:
        any_value = b"\x18" + _varint(value & UINT64)
    return _field(field, _field(1, key.encode()) + _field(2, any_value))


def _field(number: int, payload: bytes) -> bytes:
    """A field of a length that stands before it."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    if value < 0x80:
        return _BYTES[value]
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


_BYTES: Final = [bytes((value,)) for value in range(0x80)]
