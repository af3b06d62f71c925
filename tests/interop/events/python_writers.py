"""The SDK for Python: its core by both bindings, and the layer for who used its version 1."""

import warnings
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from cloudevents.core.bindings import amqp, rabbitmq
from cloudevents.core.v1.event import CloudEvent

from tests.interop.events.cases import ABSENT, Case

Written = tuple[bytes, dict[str, Any], str | None]


def _event(case: Case) -> CloudEvent:
    attributes = {name: value for name, value in case.attributes.items() if value is not None}
    if "time" in attributes:
        attributes["time"] = datetime.fromisoformat(attributes["time"])
    return CloudEvent(attributes, None if case.data is ABSENT else case.data)


def _by_rabbitmq(message: rabbitmq.RabbitMQMessage) -> Written:
    return message.body, dict(message.headers), message.content_type


def _by_amqp(message: amqp.AMQPMessage) -> Written:
    content_type = message.properties.get("content-type")
    return message.application_data, dict(message.application_properties), content_type


def _v1(case: Case, mode: str) -> Written:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations of its own
        from cloudevents.v1 import http

        attributes = {name: value for name, value in case.attributes.items() if value is not None}
        event = http.CloudEvent(attributes, None if case.data is ABSENT else case.data)
        headers, body = getattr(http, f"to_{mode}")(event)
    content_type = headers.pop("content-type", None)
    return body or b"", headers, content_type


WRITERS: Final[dict[str, Callable[[Case], Written]]] = {
    "Python core, structured": lambda case: _by_rabbitmq(
        rabbitmq.to_structured_event(_event(case))
    ),
    "Python core, ce-": lambda case: _by_rabbitmq(rabbitmq.to_binary_event(_event(case))),
    "Python core, cloudEvents_": lambda case: _by_amqp(amqp.to_binary_event(_event(case))),
    "Python v1, structured": lambda case: _v1(case, "structured"),
    "Python v1, binary": lambda case: _v1(case, "binary"),
}
