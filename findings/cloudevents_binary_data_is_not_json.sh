#!/usr/bin/env bash
# cloudevents 2.2.0 (the official Python SDK), core, RabbitMQ binding, binary mode: the body of an event whose
# datacontenttype is application/json is JSON only where the data is an object. A list or a boolean goes out
# as Python writes it, and a text without quotes, under the same content type. In structured mode all are JSON.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cloudevents==2.2.0
"$folder/venv/bin/python" - <<'PYTHON'
import json

from cloudevents.core.bindings import rabbitmq
from cloudevents.core.v1.event import CloudEvent

ATTRIBUTES = {"id": "1", "type": "order.placed", "source": "/s", "datacontenttype": "application/json"}
EXPECTED = {
    '{"lines": ["a", 1]}': b'{"lines": ["a", 1]}',
    '["a", 1]': b"['a', 1]",
    "true": b"True",
    '"Ada"': b"Ada",
}
for text, body in EXPECTED.items():
    event = CloudEvent(dict(ATTRIBUTES), json.loads(text))
    message = rabbitmq.to_binary_event(event)
    print(f"{text:20} goes out as {message.body!r:26} {message.content_type}")
    assert message.content_type == "application/json"
    assert message.body == body
    structured = json.loads(rabbitmq.to_structured_event(event).body)
    assert structured["data"] == json.loads(text)
PYTHON
