"""Reading what the broker sends, at half of what aiormq's own reading costs a delivery.

aiormq asks its stream three times for each frame, and pamqp decodes the three frames of a delivery
by their description. Here, all that has arrived is taken at once, and those three are decoded by
hand; every other frame, and every odd one, is pamqp's as before.
"""

from asyncio import StreamReader
from struct import Struct, error
from typing import Final

import aiormq.connection
import pamqp.frame
from aiormq.connection import FrameReceiver, ReceivedFrame
from aiormq.exceptions import AMQPConnectionError, InvalidFrameError
from pamqp.body import ContentBody
from pamqp.commands import Basic, Connection
from pamqp.exceptions import PAMQPException
from pamqp.header import ContentHeader

from postbox.rabbitmq import decoding_repair
from postbox.rabbitmq.frames import (
    BODY,
    CONTENT_TYPE,
    DELIVERY_MODE,
    END,
    FRAME,
    HEADER,
    HEADERS,
    MESSAGE_HEADER,
    MESSAGE_ID,
    METHOD,
    TYPE,
)

READ_BYTES: Final = 64 * 1024
DELIVER: Final = b"\x00\x3c\x00\x3c"
PROPERTIES_AT: Final = 12
"""Where in a content header its flags and properties begin."""
NO_MESSAGE_ID: Final = "(no message id)"
"""What a returned message that has no id is known by: aiormq would take its return for nothing."""
KNOWN: Final = CONTENT_TYPE | HEADERS | DELIVERY_MODE | MESSAGE_ID | TYPE
_TAG: Final = Struct(">qB")


class RawContentHeader(ContentHeader):
    """A content header that keeps its flags and properties as they came."""

    raw: bytes = b""


class Receiver(FrameReceiver):
    """The frames of one connection, in the place of aiormq's own receiver."""

    def __init__(self, reader: StreamReader) -> None:
        super().__init__(reader)
        self._arrived = bytearray()
        self._returning: set[int] = set()
        self._is_open = False

    async def get_frame(self) -> ReceivedFrame:
        """The next frame. AMQPConnectionError when the connection ends."""
        if not self.started:  # with another protocol, perhaps: aiormq finds that out
            return await super().get_frame()
        while (data := self._whole()) is None:
            await self._more()
        size, channel, frame = read(data)
        if channel == 0:
            self._heed_refusal(frame)
        elif isinstance(frame, Basic.Return):
            self._returning.add(channel)
        elif channel in self._returning and isinstance(frame, ContentHeader):
            self._returning.discard(channel)
            frame.properties.message_id = frame.properties.message_id or NO_MESSAGE_ID
        return size, channel, frame

    def _heed_refusal(self, frame: object) -> None:
        """AMQPConnectionError where the broker closes what it has not opened yet, with its words.

        It does so for a virtual host that does not exist or is not for this user, and at a limit of
        connections. aiormq would say that the frame is not the one that it expected.
        """
        if isinstance(frame, Connection.OpenOk):
            self._is_open = True
        elif isinstance(frame, Connection.Close) and not self._is_open:
            raise AMQPConnectionError(frame.reply_text)

    def _whole(self) -> bytes | None:
        """The bytes of the first frame, if it is there to its end."""
        arrived = self._arrived
        if len(arrived) < FRAME.size:
            return None
        end = FRAME.size + FRAME.unpack_from(arrived)[2] + 1
        if len(arrived) < end:
            return None
        data = bytes(arrived[:end])
        del arrived[:end]
        return data

    async def _more(self) -> None:
        try:
            data = await self.reader.read(READ_BYTES)
        except OSError as failure:
            raise AMQPConnectionError(f"the connection broke: {failure!r}") from failure
        if not data:
            raise AMQPConnectionError("the broker closed the connection unexpectedly")
        self._arrived += data


def raw_properties(header: ContentHeader) -> bytes:
    """The flags and properties of a delivered message as they came."""
    assert isinstance(header, RawContentHeader), "every connection reads by our receiver"
    return header.raw


def read(data: bytes) -> ReceivedFrame:
    """Its size, its channel, and the one frame that `data` is. InvalidFrameError if it is none."""
    kind, channel, _ = FRAME.unpack_from(data)
    try:
        if kind == BODY and data.endswith(END):
            return len(data), channel, ContentBody(data[FRAME.size : -1])
        if kind == HEADER and (header := _header(data)):
            return len(data), channel, header
        if kind == METHOD and data.startswith(DELIVER, FRAME.size):
            return len(data), channel, _deliver(data)
    except (IndexError, ValueError, error):
        pass
    try:
        size, channel, frame = pamqp.frame.unmarshal(data)
    except (PAMQPException, IndexError, ValueError, error) as failure:
        raise InvalidFrameError(str(failure)) from failure
    if isinstance(frame, ContentHeader):
        header = _raw(frame.weight, frame.body_size, frame.properties, data)
        header.class_id = frame.class_id
        frame = header
    return size, channel, frame


def _deliver(data: bytes) -> Basic.Deliver:
    at, consumer = _short(data, FRAME.size + len(DELIVER))
    tag, is_redelivered = _TAG.unpack_from(data, at)
    at, exchange = _short(data, at + _TAG.size)
    at, routing_key = _short(data, at)
    _end(data, at)
    return Basic.Deliver(consumer, tag, bool(is_redelivered & 1), exchange, routing_key)


def _header(data: bytes) -> ContentHeader | None:
    """None where it has a property that our messages do not have."""
    class_id, weight, body_bytes, flags = MESSAGE_HEADER.unpack_from(data, FRAME.size)
    if flags & ~KNOWN:
        return None
    properties, at = Basic.Properties(), FRAME.size + MESSAGE_HEADER.size
    if flags & CONTENT_TYPE:
        at, properties.content_type = _short(data, at)
    if flags & HEADERS:
        size, properties.headers = decoding_repair.headers(data[at:-1])
        at += size
    if flags & DELIVERY_MODE:
        at, properties.delivery_mode = at + 1, data[at]
    if flags & MESSAGE_ID:
        at, properties.message_id = _short(data, at)
    if flags & TYPE:
        at, properties.message_type = _short(data, at)
    _end(data, at)
    header = _raw(weight, body_bytes, properties, data)
    header.class_id = class_id
    return header


def _raw(
    weight: int, body_bytes: int, properties: Basic.Properties, data: bytes
) -> RawContentHeader:
    header = RawContentHeader(weight, body_bytes, properties)
    header.raw = data[FRAME.size + PROPERTIES_AT : -1]
    return header


def _short(data: bytes, at: int) -> tuple[int, str]:
    end = at + 1 + data[at]
    return end, data[at + 1 : end].decode(errors="replace")


def _end(data: bytes, at: int) -> None:
    if data[at:] != END:
        raise ValueError("there is more, or less, in the frame than it should hold")


def replace_receiver() -> None:
    """From now on, connections read with ours."""
    aiormq.connection.FrameReceiver = Receiver  # type: ignore[misc]


replace_receiver()
