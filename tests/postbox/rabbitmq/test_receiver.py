"""Frames that are read by hand say what pamqp says of them."""

import asyncio
from datetime import UTC, datetime
from io import BytesIO

import pamqp.frame
import pytest
from aiormq.connection import FrameReceiver, ReceivedFrame
from aiormq.exceptions import AMQPConnectionError, InvalidFrameError
from hypothesis import given
from hypothesis import strategies as st
from pamqp.base import Frame
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.header import ContentHeader
from pamqp.heartbeat import Heartbeat

from postbox.rabbitmq import frames
from postbox.rabbitmq.receiver import Receiver, read

SHORT = st.text(max_size=60)
CHANNELS = st.integers(1, 65_535)
HEADERS = st.dictionaries(
    st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=60),
    st.one_of(st.text(max_size=300), st.integers(0, 2**31 - 1), st.booleans()),
    max_size=4,
)
PROPERTIES = st.builds(
    Basic.Properties,
    content_type=st.none() | SHORT,
    headers=st.none() | HEADERS,
    delivery_mode=st.sampled_from([None, 1, 2]),
    message_id=st.none() | SHORT,
    message_type=st.none() | SHORT,
    timestamp=st.sampled_from([None, datetime(2026, 11, 22, tzinfo=UTC)]),
    app_id=st.none() | SHORT,
)
DELIVERS = st.builds(
    Basic.Deliver,
    consumer_tag=SHORT,
    delivery_tag=st.integers(0, 2**63 - 1),
    redelivered=st.booleans(),
    exchange=st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=60),
    routing_key=SHORT,
)
KINDS = st.one_of(
    DELIVERS,
    st.builds(
        ContentHeader, body_size=st.integers(0, 2**63 - 1), weight=st.just(0), properties=PROPERTIES
    ),
    st.builds(ContentBody, st.binary(min_size=1, max_size=70)),
    st.builds(Basic.Ack, st.integers(0, 2**63 - 1), st.booleans()),
    st.builds(Basic.Cancel, SHORT),
    st.just(Heartbeat()),
)


def described(frame: object) -> str:
    """All that a frame holds; as text, for a broken one may hold what is unequal to itself."""
    if isinstance(frame, ContentHeader):
        parts = (frame.class_id, frame.weight, frame.body_size, dict(frame.properties))
        return repr(parts)
    if isinstance(frame, ContentBody):
        return repr(frame.value)
    return repr(dict(frame)) if isinstance(frame, Frame) else repr(type(frame))


class Pieces(asyncio.StreamReader):
    """A stream that never has to be waited for, and so needs no loop."""

    def __init__(self, data: bytes, piece_bytes: int) -> None:
        self._data = BytesIO(data)
        self._piece_bytes = piece_bytes

    async def read(self, n: int = -1) -> bytes:
        return self._data.read(min(n, self._piece_bytes))


def next_of(receiver: Receiver) -> ReceivedFrame:
    with pytest.raises(StopIteration) as ended:
        receiver.get_frame().send(None)
    frame: ReceivedFrame = ended.value.value
    return frame


@given(CHANNELS, KINDS)
def test_what_pamqp_reads_is_read(channel: int, frame: pamqp.frame.FrameTypes) -> None:
    data = pamqp.frame.marshal(frame, channel)
    size, on, found = read(data)
    size_there, on_there, found_there = pamqp.frame.unmarshal(data)
    assert (size, on) == (size_there, on_there)
    assert isinstance(found, type(found_there))
    assert described(found) == described(found_there)


@given(CHANNELS, KINDS, st.data())
def test_what_pamqp_refuses_is_refused(
    channel: int, frame: pamqp.frame.FrameTypes, data: st.DataObject
) -> None:
    """One byte is another: it is another frame, or none, but for both the same."""
    written = bytearray(pamqp.frame.marshal(frame, channel))
    at = data.draw(st.integers(frames.FRAME.size, len(written) - 1))
    written[at] ^= data.draw(st.integers(1, 255))
    broken = bytes(written)
    try:
        expected = described(pamqp.frame.unmarshal(broken)[2])
    except Exception:  # noqa: BLE001 - whatever it is, it is no frame
        with pytest.raises(InvalidFrameError):
            read(broken)
    else:
        assert described(read(broken)[2]) == expected


@given(st.lists(st.tuples(CHANNELS, KINDS), min_size=1, max_size=8), st.integers(1, 50))
def test_frames_are_found_however_they_arrive(
    sent: list[tuple[int, pamqp.frame.FrameTypes]], piece_bytes: int
) -> None:
    written = [pamqp.frame.marshal(frame, channel) for channel, frame in sent]
    data = b"".join(written)
    receiver = Receiver(Pieces(data, piece_bytes))
    receiver.started = True  # the handshake is over
    found = [(channel, described(frame)) for _, channel, frame in (next_of(receiver) for _ in sent)]
    assert found == [
        (channel, described(frame)) for _, channel, frame in map(pamqp.frame.unmarshal, written)
    ]


async def test_a_connection_that_ends_says_so() -> None:
    reader = asyncio.StreamReader()
    receiver = Receiver(reader)
    whole = pamqp.frame.marshal(Basic.Ack(1), 1)
    reader.feed_data(whole + whole + whole[:-1])
    reader.feed_eof()
    assert isinstance((await receiver.get_frame())[2], Basic.Ack)
    assert isinstance((await receiver.get_frame())[2], Basic.Ack)
    with pytest.raises(AMQPConnectionError):
        await receiver.get_frame()


def test_it_is_what_connections_read_with() -> None:
    import aiormq.connection

    assert aiormq.connection.FrameReceiver is Receiver
    assert issubclass(Receiver, FrameReceiver)
