"""The document: a channel for each event and each queue, and who sends or receives on it."""

import inspect
from collections.abc import Sequence
from typing import Any, Final

from postbox.asyncapi.schemas import Schema, schemas
from postbox.errors import DeclarationError
from postbox.rabbitmq import Topology

VERSION: Final = "3.0.0"
CONTENT_TYPE: Final = "application/cloudevents+json"
_AMQP: Final = "0.3.0"
"""The version of the bindings for AMQP."""
_TEXT: Final = {"type": "string", "minLength": 1}


def asyncapi(
    topology: Topology,
    events: Sequence[type],
    *,
    title: str,
    version: str,
    description: str | None = None,
) -> dict[str, Any]:
    """The AsyncAPI 3.0 document of `topology`, in which the data of `events` has its schema.

    `events` are classes with a `TYPE`, such as those of `@event`. DeclarationError for one that has
    none, or no JSON Schema. An event that is bound and has no class here may have any data.
    """
    classes = {_type_of(cls): cls for cls in events}
    own, components = schemas(list(classes.values()))
    bound = {key for keys in topology.queues.values() for key in keys if not _is_pattern(key)}
    types = sorted(bound | classes.keys())
    data = {type_: own[cls] for type_, cls in classes.items()}
    messages = {type_: _message(type_, classes.get(type_), data.get(type_, {})) for type_ in types}
    return {
        "asyncapi": VERSION,
        "info": {
            "title": title,
            "version": version,
            **({"description": description} if description else {}),
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {type_: _event_channel(type_, topology) for type_ in types}
        | {
            queue: _queue_channel(queue, _of_queue(queue, types, topology))
            for queue in topology.queues
        },
        "operations": {f"send.{type_}": _operation("send", type_) for type_ in types}
        | {f"receive.{queue}": _operation("receive", queue) for queue in topology.queues},
        "components": {"messages": messages, "schemas": dict(sorted(components.items()))},
    }


def _type_of(cls: type) -> str:
    type_ = getattr(cls, "TYPE", None)
    if not isinstance(type_, str):
        raise DeclarationError(f"{cls.__qualname__} is no event: decorate it with @event")
    return type_


def _is_pattern(key: str) -> bool:
    return bool({"*", "#"} & set(key.split(".")))


def _of_queue(queue: str, types: Sequence[str], topology: Topology) -> list[str]:
    return [type_ for type_ in types if queue in topology.queues_for(type_)]


def _message(type_: str, cls: type | None, data: Schema) -> dict[str, Any]:
    said = inspect.cleandoc(cls.__doc__) if cls is not None and cls.__doc__ else None
    return {
        "name": type_,
        "title": type_ if cls is None else cls.__name__,
        **({"description": said} if said else {}),
        "contentType": CONTENT_TYPE,
        "headers": {"type": "object", "properties": {"traceparent": _TEXT, "tracestate": _TEXT}},
        "payload": {
            "type": "object",
            "required": ["specversion", "id", "source", "type", "subject", "time", "data"],
            "properties": {
                "specversion": {"const": "1.0"},
                "id": _TEXT,
                "source": _TEXT,
                "type": {"const": type_},
                "subject": _TEXT,
                "time": {"type": "string", "format": "date-time"},
                "datacontenttype": {"const": "application/json"},
                "data": data,
            },
        },
        "bindings": {"amqp": {"messageType": type_, "bindingVersion": _AMQP}},
    }


def _event_channel(type_: str, topology: Topology) -> dict[str, Any]:
    exchange = {"name": topology.exchange, "type": "topic", "durable": True, "autoDelete": False}
    binding = {"is": "routingKey", "exchange": exchange, "bindingVersion": _AMQP}
    return _channel(type_, [type_], binding)


def _queue_channel(queue: str, types: Sequence[str]) -> dict[str, Any]:
    said = {"name": queue, "durable": True, "exclusive": False, "autoDelete": False}
    return _channel(queue, types, {"is": "queue", "queue": said, "bindingVersion": _AMQP})


def _channel(address: str, types: Sequence[str], binding: dict[str, Any]) -> dict[str, Any]:
    return {
        "address": address,
        "messages": {type_: {"$ref": f"#/components/messages/{type_}"} for type_ in types},
        "bindings": {"amqp": binding},
    }


def _operation(action: str, channel: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}
