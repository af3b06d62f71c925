"""An application's headers go over the wire and come back as they were, or are refused by name."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest
from bson import DBRef, Int64
from hypothesis import given
from hypothesis import strategies as st
from pamqp import decode

from postbox.errors import InvalidPayload
from postbox.events import Event, checked_headers, cloudevents
from postbox.events.headers import TOTAL_BYTES_MAX
from postbox.rabbitmq import frames

OURS = ("traceparent", "TraceState", "x-postbox-reason", "x-death", "x-first-death-queue", "CC")
THEIRS = ("BCC", "ce-id", "CE-type", "cloudEvents:id", "cloudEvents_id", "x-delivery-count")
NAMES = st.one_of(
    st.text(min_size=1, max_size=20), st.sampled_from((*OURS, *THEIRS, "é" * 64, "é" * 65, "cc"))
)
VALUES = st.one_of(
    *(st.text(max_size=20), st.booleans(), st.integers(-(2**65), 2**65), st.none()),
    *(st.floats(), st.binary(max_size=3), st.just([]), st.integers(-(2**63), 2**63 - 1).map(Int64)),
)


def fits(name: str, value: object) -> bool:
    """The rules, said a second time."""
    lower = name.lower()
    is_ours = lower.startswith(("traceparent", "tracestate", "x-postbox-", "x-death"))
    is_the_brokers = lower in ("x-delivery-count", "x-first-death-queue") or name in ("CC", "BCC")
    if is_ours or is_the_brokers or lower.startswith(("ce-", "cloudevents")) or "\0" in name:
        return False
    try:
        is_short = len(name.encode()) <= 128
        return is_short and (
            (isinstance(value, str) and value.encode() is not None)
            or isinstance(value, bool)
            or (isinstance(value, int) and -(2**63) <= value < 2**63)
        )
    except UnicodeEncodeError:
        return False


@given(headers=st.dictionaries(NAMES, VALUES, max_size=3))
def test_what_is_taken_comes_back_as_it_was(headers: dict[str, Any]) -> None:
    if not all(fits(*one) for one in headers.items()):
        with pytest.raises(InvalidPayload) as refused:
            checked_headers(headers)
        assert refused.value.path.startswith("headers.")
        return
    event = an_event(checked_headers(headers))
    sent = cloudevents.message_headers(event)
    _, table = decode.field_table(frames._table(sent))
    read = cloudevents.decode(cloudevents.encode(event), table)
    assert read == event
    assert {name: type(value) for name, value in read.headers.items()} == {
        name: int if isinstance(value, Int64) else type(value) for name, value in headers.items()
    }


def an_event(headers: dict[str, Any]) -> Event:
    return Event(
        id="e1",
        type="thing.made",
        subject="t1",
        source="/test",
        time=datetime(2026, 11, 22, tzinfo=UTC),
        data={},
        traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
        tracestate="a=b",
        headers=headers,
    )


def test_the_error_names_the_header() -> None:
    with pytest.raises(InvalidPayload, match=r"^headers\.price: .* but float"):
        checked_headers({"tenant": "t1", "price": 1.5})
    with pytest.raises(InvalidPayload, match=r"^headers\.5: its name is not text"):
        checked_headers({5: "five"})
    with pytest.raises(InvalidPayload, match=r"^headers: not an object"):
        checked_headers([("tenant", "t1")])


def test_an_enumeration_is_its_value_and_a_reference_an_object() -> None:
    class Tier(StrEnum):
        GOLD = "gold"

    checked = checked_headers({"tier": Tier.GOLD})
    assert type(checked["tier"]) is str
    assert checked_headers(DBRef("a", 1)) == {"$ref": "a", "$id": 1}


def test_headers_leave_room_in_a_frame() -> None:
    checked_headers({"long": "x" * (TOTAL_BYTES_MAX - 14)})
    with pytest.raises(InvalidPayload, match=r"^headers: over"):
        checked_headers({"long": "x" * (TOTAL_BYTES_MAX - 13)})
