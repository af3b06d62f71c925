"""What is passed on is what came, byte by byte: every type of header field and every property.

The messages are written by an encoder of this test's own, and compared as bytes: a codec that
decodes and encodes hides just what is looked for.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from struct import pack
from typing import Final

import pytest
from aiormq.abc import AbstractChannel as RawChannel
from hypothesis import given
from hypothesis import strategies as st

from postbox.mongo import Client
from postbox.operations.redrive import ALL, redrive
from postbox.rabbitmq import (
    Outgoing,
    Publisher,
    connected,
    dead_letter,
    raw_channel,
    raw_properties,
)
from postbox.rabbitmq.properties import RawProperties
from tests.conftest import Space
from tests.eventually import eventually
from tests.postbox.fake_service import QUICK, FakeService, topology

BODY: Final = b"\xff not json \x00"
LONG_NAME: Final = b"n" * 160


def long_text(text: bytes) -> bytes:
    return b"S" + pack(">I", len(text)) + text


FIELDS: Final = {
    b"bool": b"t\x01",
    b"int8": b"b\xfe",
    b"int16": b"s" + pack(">h", -2),
    b"int32": b"I" + pack(">i", -2_000_000),
    b"int64": b"l" + pack(">q", -(2**40)),
    b"float": b"f" + pack(">f", 1.5),
    b"rate": b"d" + pack(">d", 0.1),
    b"price": b"d" + pack(">d", 12345678901.25),
    b"decimal": b"D\x02" + pack(">i", 1999),
    b"text": long_text("käse".encode()),
    b"no utf-8": long_text(b"\xff\xfe"),
    b"array": b"A" + pack(">I", 11) + b"d" + pack(">d", 0.1) + b"t\x00",
    b"time": b"T" + pack(">Q", 1_800_000_000),
    b"table": b"F" + pack(">I", 14) + b"\x04rate" + b"d" + pack(">d", 0.1),
    b"nothing": b"V",
    b"bytes": b"x" + pack(">I", 2) + b"\x00\x01",
    b"app-x-death": long_text(b"kept"),
    b"x-postbox-thing": long_text(b"another program's"),
    b"x-delivery-counter": b"I" + pack(">i", 7),
    b"x-acquired-by": long_text(b"somebody"),
    LONG_NAME: long_text(b"long name"),
}
SHORT_TEXTS: Final = {
    15: b"application/x-other",
    14: b"identity",
    10: b"correlation",
    9: b"reply.to.me",
    7: b"message-1",
    5: b"order.placed",
    3: b"another-app",
    2: b"",
}
PRIORITY, TIMESTAMP = 11, 6


def encoded(fields: dict[bytes, bytes], short: dict[int, bytes], *, others: bool = True) -> bytes:
    """Property flags and list, by AMQP 0-9-1, 4.2.6.1."""
    table = b"".join(bytes((len(name),)) + name + value for name, value in fields.items())
    parts = {bit: bytes((len(text),)) + text for bit, text in short.items()}
    parts[13] = pack(">I", len(table)) + table
    parts[12] = b"\x02"
    if others:
        parts[PRIORITY] = b"\x07"
        parts[TIMESTAMP] = pack(">Q", 1_700_000_000_123)
    flags = sum(1 << bit for bit in parts)
    return pack(">H", flags) + b"".join(parts[bit] for bit in sorted(parts, reverse=True))


def split(raw: bytes) -> tuple[dict[bytes, bytes], dict[int, bytes]]:
    """The header fields and the other properties, none of them decoded."""
    flags, at, fields, parts = int.from_bytes(raw[:2]), 2, dict[bytes, bytes](), dict[int, bytes]()
    for bit in range(15, 1, -1):
        if not flags >> bit & 1:
            continue
        sizes = {13: 4 + int.from_bytes(raw[at : at + 4]), 12: 1, PRIORITY: 1, TIMESTAMP: 8}
        end = at + sizes.get(bit, 1 + raw[at])
        if bit == 13:
            fields = _fields(raw[at + 4 : end])
        else:
            parts[bit] = raw[at:end]
        at = end
    assert at == len(raw)
    return fields, parts


def _fields(table: bytes) -> dict[bytes, bytes]:
    fixed = {"t": 1, "b": 1, "s": 2, "I": 4, "l": 8, "f": 4, "d": 8, "D": 5, "T": 8, "V": 0}
    found, at = dict[bytes, bytes](), 0
    while at < len(table):
        value_at = at + 1 + table[at]
        kind = chr(table[value_at])
        size = fixed[kind] if kind in fixed else 4 + int.from_bytes(table[value_at + 1 :][:4])
        end = value_at + 1 + size
        found[table[at + 1 : value_at]] = table[value_at:end]
        at = end
    return found


def came(raw: bytes) -> tuple[dict[bytes, bytes], dict[int, bytes]]:
    """As `split`, without what a quorum queue adds at each delivery."""
    fields, parts = split(raw)
    return {k: v for k, v in fields.items() if k != b"x-delivery-count"}, parts


class Wire:
    """Publishes and gets messages whose properties are bytes."""

    def __init__(self, channel: RawChannel) -> None:
        self.channel = channel

    async def publish(self, raw: bytes, *, exchange: str, key: str) -> None:
        message = Outgoing.passed_on(
            exchange=exchange, routing_key=key, message_id="message-1", raw=raw, body=BODY
        )
        await Publisher(self.channel).publish(message, timeout_s=5)

    async def get(self, queue: str, *, settle: bool = True) -> bytes:
        async def look() -> bytes | None:
            got = await self.channel.basic_get(queue)
            if got.delivery_tag is None:
                return None
            assert got.body == BODY
            if settle:
                await self.channel.basic_ack(got.delivery_tag)
            else:
                await self.channel.basic_nack(got.delivery_tag, requeue=False)
            return raw_properties(got.header)

        found = await eventually(look)
        assert found is not None
        return found

    async def count(self, queue: str) -> int:
        return (await self.channel.queue_declare(queue, passive=True)).message_count or 0


@asynccontextmanager
async def wire(space: Space) -> AsyncIterator[Wire]:
    async with connected(space.rabbitmq_uri, name="test") as connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        await topology(space).declare(channel)
        yield Wire(await raw_channel(channel))


async def set_aside(client: Client, space: Space, at: Wire) -> None:
    """By the consumer: the body is no JSON."""
    async with FakeService(client, space, options=QUICK).open():

        async def is_dead() -> bool:
            return await at.count(f"{space.queue}.dead") == 1

        await eventually(is_dead)


WRITTEN: Final = encoded(FIELDS, SHORT_TEXTS)


async def test_a_dead_letter_of_the_consumer_is_what_came(client: Client, space: Space) -> None:
    async with wire(space) as at:
        await at.publish(WRITTEN, exchange=space.exchange, key="order.placed")
        await set_aside(client, space, at)
        fields, parts = came(await at.get(f"{space.queue}.dead"))
    ours = {name for name in fields.keys() - FIELDS.keys() if name.startswith(b"x-postbox-")}
    assert {name: fields[name] for name in fields.keys() - ours} == FIELDS
    assert parts == split(WRITTEN)[1]
    assert ours == {b"x-postbox-" + name for name in (b"reason", b"error", b"queue", b"at")}


@pytest.mark.parametrize("bytes_", [130_700, 129_900])
async def test_headers_that_leave_no_room_for_ours_are_left_out_and_named(
    client: Client, space: Space, bytes_: int
) -> None:
    """Goal: the consumer sets it aside, and goes on. Method: headers that fill a frame."""
    large = {b"small": long_text(b"s"), b"large": long_text(b"l" * bytes_)}
    async with wire(space) as at:
        await at.publish(encoded(large, SHORT_TEXTS), exchange=space.exchange, key="order.placed")
        await set_aside(client, space, at)
        fields, parts = came(await at.get(f"{space.queue}.dead"))
    assert fields[b"small"] == large[b"small"]
    assert b"large" not in fields
    assert fields[b"x-postbox-dropped-headers"] == long_text(b"large")
    assert parts == split(WRITTEN)[1]


@given(st.binary(max_size=60))
def test_properties_that_are_cut_off_are_no_properties(raw: bytes) -> None:
    try:
        read = RawProperties.read(raw)
    except ValueError:
        return
    assert RawProperties.read(read.encode()).encode() == read.encode()


@pytest.mark.parametrize("by", ["the consumer", "the broker"])
async def test_what_is_redriven_is_what_came(client: Client, space: Space, by: str) -> None:
    async with wire(space) as at:
        await at.publish(WRITTEN, exchange=space.exchange, key="order.placed")
        if by == "the consumer":
            await set_aside(client, space, at)
        else:
            await at.get(space.queue, settle=False)
            await eventually(lambda: at.count(f"{space.queue}.dead"))
        await redrive(space.rabbitmq_uri, f"{space.queue}.dead", ALL, done=lambda _: None)
        assert came(await at.get(space.queue)) == split(WRITTEN)


async def test_what_is_sent_to_another_exchange_is_what_came(client: Client, space: Space) -> None:
    async with wire(space) as at:
        await at.publish(WRITTEN, exchange=space.exchange, key="order.placed")
        await set_aside(client, space, at)
        probe, exchange = await _probe(at, space, key="#")
        await redrive(
            space.rabbitmq_uri, f"{space.queue}.dead", ALL, done=lambda _: None, exchange=exchange
        )
        assert came(await at.get(probe)) == split(WRITTEN)


async def test_what_no_queue_wanted_is_published_again_as_it_came(space: Space) -> None:
    async with wire(space) as at:
        await at.publish(WRITTEN, exchange=space.exchange, key="order.unknown")
        queue = f"{space.exchange}.unrouted"
        probe, _ = await _probe(at, space, key="order.unknown", exchange=space.exchange)
        await redrive(space.rabbitmq_uri, queue, ALL, done=lambda _: None, exchange=space.exchange)
        assert came(await at.get(probe)) == split(WRITTEN)


async def test_a_message_without_an_id_is_passed_on_without_one(
    client: Client, space: Space
) -> None:
    written = encoded(FIELDS, {bit: text for bit, text in SHORT_TEXTS.items() if bit != 7})
    async with wire(space) as at:
        await at.publish(written, exchange=space.exchange, key="order.placed")
        await set_aside(client, space, at)
        await redrive(space.rabbitmq_uri, f"{space.queue}.dead", ALL, done=lambda _: None)
        assert came(await at.get(space.queue)) == split(written)


async def test_copies_are_not_sent_a_second_time(client: Client, space: Space) -> None:
    """Goal: another team's queue, named by CC, gets one copy. Method: its name is the key of the
    copy, by which the default exchange, to which a message is redriven, would reach it too."""
    async with wire(space) as at:
        copies, _ = await _probe(at, space, key=f"{space.name}.probe", exchange=space.exchange)
        keys = long_text(copies.encode())
        fields = {b"CC": b"A" + pack(">I", len(keys)) + keys}
        await at.publish(encoded(fields, SHORT_TEXTS), exchange=space.exchange, key="order.placed")
        await at.get(copies)
        await set_aside(client, space, at)
        await redrive(space.rabbitmq_uri, f"{space.queue}.dead", ALL, done=lambda _: None)
        again, _ = came(await at.get(space.queue))
        assert await at.count(copies) == 0
        assert again == {b"x-postbox-cc": fields[b"CC"]}


@pytest.mark.parametrize("by", ["the consumer", "the broker"])
async def test_an_expiration_waits_while_the_message_is_set_aside(
    client: Client, space: Space, by: str
) -> None:
    written = encoded({}, {**SHORT_TEXTS, 8: b"600000"})
    async with wire(space) as at:
        await at.publish(written, exchange=space.exchange, key="order.placed")
        if by == "the consumer":
            await set_aside(client, space, at)
        else:
            await at.get(space.queue, settle=False)
            await eventually(lambda: at.count(f"{space.queue}.dead"))
        await redrive(space.rabbitmq_uri, f"{space.queue}.dead", ALL, done=lambda _: None)
        assert came(await at.get(space.queue)) == split(written)


async def _probe(
    at: Wire, space: Space, *, key: str, exchange: str | None = None
) -> tuple[str, str]:
    """A queue of this test's own, bound by `key` to an exchange, of its own where none is named."""
    name = f"{space.name}.probe"
    await at.channel.queue_declare(name, auto_delete=False, arguments={"x-expires": 60_000})
    if exchange is None:
        exchange = name
        await at.channel.exchange_declare(exchange, exchange_type="topic", auto_delete=True)
    await at.channel.queue_bind(name, exchange, routing_key=key)
    return name, exchange


@pytest.mark.parametrize(
    "deaths",
    [
        b"A" + pack(">I", 2) + b"t\x01",
        long_text(b"no list"),
        b"A" + pack(">I", 11) + b"F" + pack(">I", 6) + b"\x04time" + b"V",
    ],
)
def test_an_odd_record_of_deaths_is_left_as_it_is(deaths: bytes) -> None:
    raw = encoded({b"x-death": deaths, b"x-postbox-expiration": long_text(b"soon")}, SHORT_TEXTS)
    fields, parts = split(dead_letter.redriven(raw, "shop.dead"))
    assert fields == {b"x-death": deaths}
    assert parts == split(raw)[1]
