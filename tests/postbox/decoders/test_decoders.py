"""Messages that are no CloudEvents, as other programs write them, become events."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from postbox.decoders import debezium, json_with_id, masstransit, plain
from postbox.errors import MalformedMessage
from postbox.events import Decoder, Event, Received

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ORDER = {"order": "o1", "quantity": 2}


def itself(event: Event) -> Event:
    return event


def read(decoder: Decoder[Event], body: object, **properties: Any) -> Event:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return decoder(decoder.read(Received(body=raw, **properties)))


def test_json_with_a_message_id() -> None:
    time = datetime(2026, 1, 2, tzinfo=UTC)
    event = read(
        json_with_id(itself, subject=lambda data: data["order"]),
        ORDER,
        message_id="m1",
        type="order.placed",
        app_id="website",
        timestamp=time,
        content_type="application/json",
        headers={"traceparent": TRACEPARENT},
    )
    assert event == Event(
        id="m1",
        type="order.placed",
        source="website",
        subject="o1",
        time=time,
        data=ORDER,
        traceparent=TRACEPARENT,
    )


def test_what_a_message_does_not_say_of_itself_its_routing_does() -> None:
    event = read(json_with_id(itself), ORDER, message_id="m1", routing_key="order.placed")
    assert (event.type, event.source) == ("order.placed", "amqp")
    assert (event.subject, event.time) == (None, None)


DECODERS = {
    "JSON": (json_with_id(itself), ORDER),
    "Debezium": (debezium(itself), ORDER),
    "MassTransit": (masstransit(itself), {"message": ORDER, "messageType": ["urn:message:a"]}),
    "plain": (plain(itself, key=lambda received: str(received.message_id)), ORDER),
}


@pytest.mark.parametrize(("decoder", "body"), DECODERS.values(), ids=DECODERS.keys())
def test_the_headers_of_the_application_are_the_events(
    decoder: Decoder[Event], body: object
) -> None:
    headers = {"tenant": "t1", "id": "e1", "traceparent": TRACEPARENT, "x-delivery-count": 1}
    event = read(decoder, body, headers=headers, message_id="m1", routing_key="order.placed")
    assert event.headers.get("tenant") == "t1"
    assert "x-delivery-count" not in event.headers
    assert ("id" in event.headers) is (event.id != "e1"), (
        "what Debezium's envelope says is no header"
    )


DEBEZIUM = {
    "a document": (ORDER, {"id": "e1", "eventType": "order.placed", "aggregateId": "o1"}),
    "a text column": (
        orjson.dumps(orjson.dumps(ORDER).decode()),
        {"id": "e1", "eventType": "order.placed", "aggregateId": "o1"},
    ),
    "with schemas": (
        {"schema": {"type": "struct"}, "payload": ORDER},
        {"id": '{"schema":{},"payload":"e1"}', "eventType": '"order.placed"', "aggregateId": b"o1"},
    ),
    "in an envelope": (
        {"payload": ORDER, "eventType": "order.placed", "aggregateId": "o1"},
        {"id": "e1"},
    ),
}


@pytest.mark.parametrize(("body", "headers"), DEBEZIUM.values(), ids=DEBEZIUM.keys())
def test_debezium(body: object, headers: dict[str, Any]) -> None:
    event = read(debezium(itself), body, headers=headers, routing_key="outbox.event.order")
    assert (event.id, event.type, event.subject, event.data) == ("e1", "order.placed", "o1", ORDER)


REGEX = orjson.dumps('{"$regularExpression": {"pattern": "a", "options": ""}}')
EXTENDED = {
    "whole numbers": ({"$numberInt": "5"}, 5),
    "64 bits": ({"$numberLong": "4611686018427387904"}, 2**62),
    "a double": ({"$numberDouble": "3.0"}, 3.0),
    "a date": ({"$date": {"$numberLong": "1767323045678"}}, "2026-01-02T03:04:05.678000Z"),
    "a relaxed date": ({"$date": "2026-01-02T03:04:05.678Z"}, "2026-01-02T03:04:05.678000Z"),
    "a decimal": ({"$numberDecimal": "12.50"}, "12.50"),
    "bytes": ({"$binary": {"base64": "AAH+/w==", "subType": "00"}}, "AAH+/w=="),
    "a name of one's own": ({"$price": 5}, {"$price": 5}),
}


@pytest.mark.parametrize(("said", "meant"), EXTENDED.values(), ids=EXTENDED.keys())
def test_debeziums_documents_are_what_the_relay_would_send(said: object, meant: object) -> None:
    body = orjson.dumps(orjson.dumps({"value": said, "list": [said]}).decode())
    event = read(debezium(itself), body, headers={"id": "e1", "eventType": "order.placed"})
    assert event.data == {"value": meant, "list": [meant]}


def test_debezium_without_additional_fields_is_typed_by_its_route() -> None:
    event = read(debezium(itself), ORDER, headers={"id": "e1"}, routing_key="outbox.event.order")
    assert (event.type, event.subject) == ("outbox.event.order", None)


ENVELOPE = {
    "messageId": "181c0000-6393-3630-36a4-08daf4e7c6da",
    "correlationId": None,
    "conversationId": "c1",
    "sourceAddress": "rabbitmq://localhost/website",
    "destinationAddress": "rabbitmq://localhost/shop",
    "messageType": ["urn:message:Shop:OrderPlaced", "urn:message:Shop:IOrder"],
    "message": ORDER,
    "sentTime": "2026-01-02T03:04:05.1234567Z",
    "headers": {"MT-Activity-Id": TRACEPARENT},
    "host": {"machineName": "website"},
}


def test_masstransit() -> None:
    event = read(
        masstransit(itself, subject=lambda data: data["order"]),
        ENVELOPE,
        content_type="application/vnd.masstransit+json",
    )
    assert event == Event(
        id="181c0000-6393-3630-36a4-08daf4e7c6da",
        type="urn:message:Shop:OrderPlaced",
        source="rabbitmq://localhost/website",
        subject="o1",
        time=datetime(2026, 1, 2, 3, 4, 5, 123_456, UTC),
        time_text="2026-01-02T03:04:05.1234567Z",
        data=ORDER,
        datacontenttype="application/vnd.masstransit+json",
        extensions={"conversationid": "c1"},
        traceparent=TRACEPARENT,
    )


def test_a_plain_body_with_a_key_of_the_handlers_own() -> None:
    decoder = plain(itself, key=lambda received: f"{received.routing_key}/{received.body.decode()}")
    event = read(decoder, b"o1;2", routing_key="order.placed", content_type="text/csv")
    assert (event.id, event.type, event.data) == ("order.placed/o1;2", "order.placed", "o1;2")


REFUSED: dict[str, tuple[Callable[[], Event], str]] = {
    "no id": (lambda: read(json_with_id(itself), ORDER, type="a"), "no id"),
    "no type": (lambda: read(json_with_id(itself), ORDER, message_id="m1"), "no type"),
    "no JSON": (lambda: read(json_with_id(itself), b"{", message_id="m1"), "not JSON"),
    "a name twice": (lambda: read(json_with_id(itself), b'{"a":1,"a":1}'), "'a' twice"),
    "no row's id": (lambda: read(debezium(itself), ORDER, routing_key="a"), "no id"),
    "no value in JSON": (
        lambda: read(debezium(itself), REGEX, headers={"id": "e1"}, routing_key="a"),
        "data: JSON has no value for Regex",
    ),
    "no envelope": (lambda: read(masstransit(itself), ORDER), "no 'message'"),
    "no type in it": (lambda: read(masstransit(itself), {"message": 1}), "'messageType'"),
    "no key": (lambda: read(plain(itself, key=lambda _: ""), b"1", type="a"), "no id"),
}


@pytest.mark.parametrize(("reading", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_of_the_format_is_refused(reading: Callable[[], Event], says: str) -> None:
    with pytest.raises(MalformedMessage, match=says):
        reading()
