"""Frames made by hand say what a general codec reads from them."""

import pamqp.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from postbox.rabbitmq import frames

SHORT = st.text(max_size=60)
VALUES = st.one_of(st.text(max_size=300), st.integers(0, 2**31 - 1), st.booleans())
NAMES = st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=60)


def read(data: bytes) -> list[tuple[int, object]]:
    found: list[tuple[int, object]] = []
    while data:
        size, channel, frame = pamqp.frame.unmarshal(data)
        found.append((channel, frame))
        data = data[size:]
    return found


@given(
    channel=st.integers(1, 65_535),
    exchange=st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=60),
    routing_key=SHORT,
    message_id=SHORT,
    type_=st.none() | SHORT,
    headers=st.dictionaries(NAMES, VALUES, max_size=4),
    body=st.binary(max_size=70),
)
def test_what_is_written_is_read(
    channel: int,
    exchange: str,
    routing_key: str,
    message_id: str,
    type_: str | None,
    headers: dict[str, str | int | bool],
    body: bytes,
) -> None:
    written = frames.publish(
        channel,
        16,
        exchange=exchange,
        routing_key=routing_key,
        properties=frames.properties(
            content_type="application/json", message_id=message_id, type_=type_, headers=headers
        ),
        body=body,
    )
    (first, method), (second, header), *rest = read(written)
    assert {first, second, *(number for number, _ in rest)} == {channel}
    assert isinstance(method, commands.Basic.Publish)
    assert method.exchange == exchange
    assert method.routing_key == routing_key
    assert method.mandatory
    assert not method.immediate
    assert isinstance(header, ContentHeader)
    assert header.body_size == len(body)
    properties = dict(header.properties)
    assert {name: value for name, value in properties.items() if value not in (None, "")} == {
        name: value
        for name, value in {
            "content_type": "application/json",
            "headers": headers,
            "delivery_mode": 2,
            "message_id": message_id,
            "message_type": type_,
        }.items()
        if value not in (None, "")
    }
    bodies = [frame.value for _, frame in rest if isinstance(frame, ContentBody)]
    assert b"".join(bodies) == body
    assert all(0 < len(part) <= 16 for part in bodies)


@pytest.mark.parametrize("field", ["routing_key", "exchange"])
def test_a_short_text_of_the_method_that_is_too_long_is_refused(field: str) -> None:
    texts = {"exchange": "e", "routing_key": "r", field: "é" * 128}
    with pytest.raises(ValueError, match="over 255 bytes"):
        frames.publish(1, 100, properties=b"", body=b"", **texts)


@pytest.mark.parametrize("field", ["message_id", "type_"])
def test_a_short_text_of_the_properties_that_is_too_long_is_refused(field: str) -> None:
    texts = {"message_id": "m", "type_": "t", field: "é" * 128}
    with pytest.raises(ValueError, match="over 255 bytes"):
        frames.properties(content_type="text/plain", headers={}, **texts)
