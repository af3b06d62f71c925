"""How each official SDK reads a message of ours: attributes, and data."""

import warnings
from collections.abc import Callable
from typing import Any, Final

from aio_pika.abc import AbstractIncomingMessage
from cloudevents.core.bindings import amqp, rabbitmq

from tests.interop.events.cases import Said


def _by_rabbitmq(message: AbstractIncomingMessage) -> Said:
    headers: dict[str, Any] = dict(message.headers)
    event = rabbitmq.from_rabbitmq_event(
        rabbitmq.RabbitMQMessage(headers, message.content_type, message.body)
    )
    return _said(dict(event.get_attributes()), event.get_data())


def _by_amqp(message: AbstractIncomingMessage) -> Said:
    properties = {"content-type": message.content_type}
    event = amqp.from_amqp_event(amqp.AMQPMessage(properties, dict(message.headers), message.body))
    return _said(dict(event.get_attributes()), event.get_data())


def _by_v1(message: AbstractIncomingMessage) -> Said:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations of its own
        from cloudevents.v1.http import from_http

        headers = {name: str(value) for name, value in message.headers.items()}
        event = from_http({**headers, "content-type": str(message.content_type)}, message.body)
    return _said(dict(event.get_attributes()), event.get_data())


def _said(attributes: dict[str, Any], data: Any) -> Said:
    time = attributes.get("time")
    if time is not None and not isinstance(time, str):
        attributes["time"] = time.isoformat()
    return Said(attributes, data)


READERS: Final[dict[str, Callable[[AbstractIncomingMessage], Said]]] = {
    "Python core, rabbitmq": _by_rabbitmq,
    "Python core, amqp": _by_amqp,
    "Python v1": _by_v1,
}
JAVASCRIPT: Final = "JavaScript"
