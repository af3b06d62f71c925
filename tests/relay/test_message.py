"""From row to message: what goes over the wire, and what never can."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from postbox.events.cloudevents import CONTENT_TYPE
from relay.errors import Unpublishable
from relay.read.message import BODY_BYTES_MAX, message_of

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ROW: dict[str, Any] = {
    "_id": "e1",
    "type": "thing.made",
    "subject": "t1",
    "source": "/test",
    "time": datetime(2026, 11, 22, 10, 0, tzinfo=UTC),
    "data": {"n": 1},
    "traceparent": TRACEPARENT,
    "tracestate": "a=b",
    "partition": 1,
    "state": "pending",
}


def test_the_message_of_a_row() -> None:
    message = message_of(ROW, source="/shop")
    assert message.exchange == "events"
    assert message.routing_key == message.type == "thing.made"
    assert message.message_id == "e1"
    assert message.content_type == CONTENT_TYPE
    assert message.headers == {"traceparent": TRACEPARENT, "tracestate": "a=b"}
    assert orjson.loads(message.body) == {
        "specversion": "1.0",
        "id": "e1",
        "type": "thing.made",
        "source": "/test",
        "subject": "t1",
        "time": "2026-11-22T10:00:00Z",
        "datacontenttype": "application/json",
        "data": {"n": 1},
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"type": None}, "type: not a text"),
        ({"type": ""}, "type: not a text"),
        ({"type": "é" * 128}, "type: over 255 bytes"),
        ({"_id": 7}, "_id: neither text"),
        ({"_id": "x" * 256}, "_id: over 255 bytes"),
        ({"subject": 7}, "subject: not a text"),
        ({"source": 7}, "source: not a text"),
        ({"time": "today"}, "time: not a date"),
        ({"data": [1]}, "data: not an object"),
        ({"data": {"price": [float("nan")]}}, r"data\.price\[0\]: JSON has no value"),
        ({"data": {"text": "\udcff"}}, "^data"),
        ({"data": {"n": 2**70}}, "^data"),
        ({"data": {"pad": "x" * BODY_BYTES_MAX}}, "the limit is 1,048,576"),
    ],
)
def test_a_row_that_cannot_be_published_says_why(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unpublishable, match=reason):
        message_of({**ROW, **changes}, source="/shop")


@pytest.mark.parametrize("context", [7, "x" * 513, "\udcff", "é"])
def test_a_bad_trace_context_does_not_cost_the_event(context: object) -> None:
    row = {**ROW, "traceparent": context, "tracestate": context}
    assert message_of(row, source="/shop").headers == {}
