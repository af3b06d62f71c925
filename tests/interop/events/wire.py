"""What a message says by the letter of the specification: the judge between a writer and us.

A second saying, in few words, of what `postbox.events.cloudevents` does; neither imports the other.
"""

import json
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aio_pika.abc import AbstractIncomingMessage

from tests.interop.events.cases import Said

PREFIXES: Final = ("ce-", "cloudEvents_")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def said(message: AbstractIncomingMessage) -> Said:
    """Structured, or binary with either prefix. ValueError where the body is not what it says."""
    content_type = message.content_type or str(message.headers.get("content-type", "")) or None
    if content_type and content_type.startswith("application/cloudevents"):
        return _structured(json.loads(message.body))
    attributes = {
        name.removeprefix(prefix): _attribute(name.removeprefix(prefix), value)
        for prefix in PREFIXES
        for name, value in message.headers.items()
        if name.startswith(prefix)
    }
    attributes.pop("specversion")
    if content_type is not None:
        attributes["datacontenttype"] = content_type
    return Said(attributes, _body(message.body, content_type))


def _attribute(name: str, value: Any) -> Any:
    if name == "time" and isinstance(value, int):  # AMQP 1.0's timestamp
        return (EPOCH + timedelta(milliseconds=value)).isoformat()
    return value


def _structured(document: Mapping[str, Any]) -> Said:
    data = document.get("data")
    if "data_base64" in document:
        raw = b64decode(document["data_base64"])
        data = _body(raw, document.get("datacontenttype") or "application/octet-stream")
    known = ("specversion", "data", "data_base64")
    return Said({name: document[name] for name in document if name not in known}, data)


def _body(body: bytes, content_type: str | None) -> Any:
    if not body:
        return None
    if content_type is None or content_type.endswith("json"):
        return json.loads(body)
    return body.decode() if content_type.startswith("text/") else body
