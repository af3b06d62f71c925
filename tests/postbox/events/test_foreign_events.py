"""Events of others come in, in each mode, as the official SDK writes them."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings import amqp, rabbitmq
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from postbox.errors import MalformedMessage
from postbox.events import Event, cloudevents
from postbox.events.cloudevents import decode

TIME = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
FULL: dict[str, Any] = {
    "id": "1", "type": "order.placed", "source": "/website", "subject": "Grüße", "time": TIME,
    "datacontenttype": "application/json", "dataschema": "urn:orders", "tenant": "t1",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}  # fmt: skip
LEAST = {"id": "1", "type": "order.placed", "source": "/website"}
Carried = tuple[bytes, dict[str, Any], str | None]


def _rabbitmq(message: rabbitmq.RabbitMQMessage) -> Carried:
    return message.body, dict(message.headers), message.content_type


def _amqp(message: amqp.AMQPMessage) -> Carried:
    content_type = message.properties.get("content-type")
    return message.application_data, dict(message.application_properties), content_type


def _colon(event: CloudEvent) -> Carried:
    """The older prefix of the AMQP binding."""
    body, headers, content_type = _amqp(amqp.to_binary_event(event))
    renamed = {name.replace("cloudEvents_", "cloudEvents:"): headers[name] for name in headers}
    return body, renamed, content_type


def _headers_alone(event: CloudEvent) -> Carried:
    """As a client that is given the headers of HTTP, with the content type among them."""
    body, headers, content_type = _rabbitmq(rabbitmq.to_binary_event(event))
    return body, headers | {"content-type": content_type}, None


WRITERS: dict[str, Callable[[CloudEvent], Carried]] = {
    "structured, RabbitMQ": lambda event: _rabbitmq(rabbitmq.to_structured_event(event)),
    "structured, AMQP": lambda event: _amqp(amqp.to_structured_event(event)),
    "ce-": lambda event: _rabbitmq(rabbitmq.to_binary_event(event)),
    "cloudEvents_": lambda event: _amqp(amqp.to_binary_event(event)),
    "cloudEvents:": _colon,
    "headers alone": _headers_alone,
}
writers = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())


@writers
def test_every_attribute_comes_in(write: Callable[[CloudEvent], Carried]) -> None:
    event = decode(*write(CloudEvent(dict(FULL), {"order": "o1", "lines": [1, None]})))
    assert replace(event, headers={}) == Event(
        id="1",
        type="order.placed",
        source="/website",
        subject="Grüße",
        time=TIME,
        data={"order": "o1", "lines": [1, None]},
        dataschema="urn:orders",
        extensions={"tenant": "t1", "traceparent": FULL["traceparent"]},
        traceparent=FULL["traceparent"],
    )


@writers
def test_what_is_optional_may_be_missing(write: Callable[[CloudEvent], Carried]) -> None:
    foreign = CloudEvent(dict(LEAST))
    del foreign.get_attributes()["time"]  # the SDK puts one in
    event = decode(*write(foreign))
    assert (event.subject, event.time, event.data, event.datacontenttype) == (None,) * 4
    assert event.extensions == {}


DATA = {
    "object": ({"a": 1}, "application/json"),
    "of a vendor": ({"a": 1}, "application/vnd.shop+json"),
    "text": ("Grüße", "text/plain"),
    "text as JSON": ("Grüße", "application/json"),
    "bytes": (b"\x00\xff", "application/octet-stream"),
    "bytes as JSON": (b'{"a":1}', "application/json"),
    "nothing": (None, "application/json"),
}


@writers
@pytest.mark.parametrize(("data", "content_type"), DATA.values(), ids=DATA.keys())
def test_data_is_what_the_content_type_says(
    write: Callable[[CloudEvent], Carried], data: Any, content_type: str
) -> None:
    foreign = CloudEvent({**FULL, "datacontenttype": content_type}, data)
    event = decode(*write(foreign))
    assert event.data == ({"a": 1} if data == b'{"a":1}' else data)
    assert event.datacontenttype == content_type


BODIES = {
    "a list": (b"[1,2]", None, [1, 2]),
    "null": (b"null", "application/json", None),
    "text of another charset": ("Grüße".encode("latin-1"), "text/plain; charset=latin-1", "Grüße"),
    "XML": (b"<a/>", "application/xml", b"<a/>"),
    "neither JSON nor text": (b"\xff", None, b"\xff"),
}


@pytest.mark.parametrize(("body", "content_type", "data"), BODIES.values(), ids=BODIES.keys())
def test_a_body_in_binary_mode(body: bytes, content_type: str | None, data: Any) -> None:
    assert decode(body, _binary(), content_type).data == data


def _binary(**changes: object) -> dict[str, Any]:
    return {
        f"ce-{name}": value for name, value in {"specversion": "1.0", **LEAST, **changes}.items()
    }


REFUSED = {
    "another version": (b"1", _binary(specversion="0.3"), None, "'ce-specversion' is '0.3'"),
    "no id": (b"1", _binary(id=None), None, "'id' must be"),
    "an id that is no text": (b"1", _binary(id=7), None, "'id' must be"),
    "a week's time": (b"1", _binary(time="2026-W01-1T03:04:05Z"), None, "not RFC 3339"),
    "a time beyond the calendar": (b"1", _binary(time=2**62), None, "outside the calendar"),
    "a name twice": (b'{"a":1,"a":2}', _binary(), None, "'a' twice"),
    "text of no such charset": (b"a", _binary(), "text/plain; charset=klingon", "klingon"),
    "a batch": (b"[]", {}, "application/cloudevents-batch+json", "another format"),
    "Avro": (b"", {}, "application/cloudevents+avro", "another format"),
}


@pytest.mark.parametrize(
    ("body", "headers", "content_type", "says"), REFUSED.values(), ids=REFUSED.keys()
)
def test_what_is_no_valid_event_is_refused(
    body: bytes, headers: dict[str, Any], content_type: str | None, says: str
) -> None:
    with pytest.raises(MalformedMessage, match=says):
        decode(body, headers, content_type)


odd = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just([1])
)
names = [*_binary(), "ce-subject", "ce-time", "ce-dataschema", "traceparent", "content-type"]
content_types = st.sampled_from(
    [None, "", ";", "application/json", "text/plain; charset=hex", "text/plain;charset=utf-16"]
)


@given(
    st.dictionaries(st.sampled_from(names), odd | st.just("1.0")),
    st.binary(max_size=9),
    content_types,
)
def test_whatever_headers_arrive_are_read_or_refused_and_nothing_worse(
    headers: dict[str, Any], body: bytes, content_type: str | None
) -> None:
    with suppress(MalformedMessage):
        decode(body, {"ce-specversion": "1.0", **headers}, content_type)


def test_an_event_of_others_reads_back_as_it_came() -> None:
    foreign = CloudEvent({**FULL, "datacontenttype": "image/png"}, b"\x00\xff")
    event = decode(*_rabbitmq(rabbitmq.to_structured_event(foreign)))
    assert decode(cloudevents.encode(event)) == event


@pytest.mark.parametrize("levels", [10, 300, 900])
def test_deep_data_is_read_or_refused_and_nothing_worse(levels: int) -> None:
    body = b'{"a": ' * levels + b"1" + b"}" * levels
    data = decode(body, _binary()).data
    for _ in range(levels):
        data = data["a"]
    assert data == 1


def test_data_of_too_many_levels_is_refused() -> None:
    body = b'{"a": ' * 1_000 + b"1" + b"}" * 1_000
    with pytest.raises(MalformedMessage, match="too many levels"):
        decode(body, _binary())


def test_a_number_of_many_digits_is_no_trouble() -> None:
    assert isinstance(decode(b'{"a" : 1' + b"0" * 6_000 + b"}", _binary()).data, str)
