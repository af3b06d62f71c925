"""What is passed on is what came, byte by byte: every type of header field and every property."""

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
from tests.postbox.operations.amqp_bytes import (
    AMQPLIB,
    FIELDS,
    SHORT_TEXTS,
    USER_ID,
    WRITTEN,
    came,
    encoded,
    long_text,
    split,
)

BODY: Final = b"\xff not json \x00"
KEY: Final = b"x-postbox-routing-key"


def redriven(raw: bytes) -> tuple[dict[bytes, bytes], dict[int, bytes]]:
    """As `came`, of a message that has its queue's name as its key."""
    fields, parts = came(raw)
    assert fields.pop(KEY) == long_text(b"order.placed")
    return fields, parts


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


written_by = pytest.mark.parametrize("written", [WRITTEN, AMQPLIB], ids=["this test", "amqplib"])
"""Each test by the encoder of this file, and by that of another language."""


@written_by
async def test_a_dead_letter_of_the_consumer_is_what_came(
    client: Client, space: Space, written: bytes
) -> None:
    async with wire(space) as at:
        await at.publish(written, exchange=space.exchange, key="order.placed")
        await set_aside(client, space, at)
        fields, parts = came(await at.get(f"{space.queue}.dead"))
    expected, expected_parts = split(written)
    ours = fields.keys() - expected.keys()
    assert {name: fields[name] for name in fields.keys() - ours} == expected
    assert parts == expected_parts
    assert ours == {
        b"x-postbox-reason",
        b"x-postbox-error",
        b"x-postbox-queue",
        b"x-postbox-at",
        KEY,
    }


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


@written_by
@pytest.mark.parametrize("by", ["the consumer", "the broker"])
async def test_what_is_redriven_is_what_came(
    client: Client, space: Space, by: str, written: bytes
) -> None:
    async with wire(space) as at:
        await at.publish(written, exchange=space.exchange, key="order.placed")
        if by == "the consumer":
            await set_aside(client, space, at)
        else:
            await at.get(space.queue, settle=False)
            await eventually(lambda: at.count(f"{space.queue}.dead"))
        await redrive(space.rabbitmq_uri, f"{space.queue}.dead", ALL, done=lambda _: None)
        assert redriven(await at.get(space.queue)) == split(written)


@written_by
@pytest.mark.parametrize("by", ["the consumer", "the broker"])
@pytest.mark.parametrize("deaths", [1, 2])
async def test_what_is_sent_to_another_exchange_is_what_came(
    client: Client, space: Space, by: str, written: bytes, deaths: int
) -> None:
    """Goal: its own routing key too, which decides where it goes; after a second death as well."""
    async with wire(space) as at:
        probe, exchange = await _probe(at, space, key="order.placed")
        dead = f"{space.queue}.dead"
        await at.publish(written, exchange=space.exchange, key="order.placed")
        for death in range(deaths):
            if death:
                await redrive(space.rabbitmq_uri, dead, ALL, done=lambda _: None)
            if by == "the consumer":
                await set_aside(client, space, at)
            else:
                await at.get(space.queue, settle=False)
                await eventually(lambda: at.count(dead))
        await redrive(space.rabbitmq_uri, dead, ALL, done=lambda _: None, exchange=exchange)
        assert came(await at.get(probe)) == split(written)


@written_by
async def test_what_no_queue_wanted_is_published_again_as_it_came(
    space: Space, written: bytes
) -> None:
    async with wire(space) as at:
        await at.publish(written, exchange=space.exchange, key="order.unknown")
        queue = f"{space.exchange}.unrouted"
        probe, _ = await _probe(at, space, key="order.unknown", exchange=space.exchange)
        await redrive(space.rabbitmq_uri, queue, ALL, done=lambda _: None, exchange=space.exchange)
        assert came(await at.get(probe)) == split(written)


async def test_a_message_without_an_id_is_passed_on_without_one(
    client: Client, space: Space
) -> None:
    written = encoded(FIELDS, {bit: text for bit, text in SHORT_TEXTS.items() if bit != 7})
    async with wire(space) as at:
        await at.publish(written, exchange=space.exchange, key="order.placed")
        await set_aside(client, space, at)
        await redrive(space.rabbitmq_uri, f"{space.queue}.dead", ALL, done=lambda _: None)
        assert redriven(await at.get(space.queue)) == split(written)


async def test_the_user_who_sent_it_is_kept_under_another_name(
    client: Client, space: Space
) -> None:
    """The broker refuses a message whose user id is not the one who publishes it."""
    async with wire(space) as at:
        written = encoded({}, {**SHORT_TEXTS, USER_ID: b"guest"})
        await at.publish(written, exchange=space.exchange, key="order.placed")
        await set_aside(client, space, at)
        await redrive(space.rabbitmq_uri, f"{space.queue}.dead", ALL, done=lambda _: None)
        fields, parts = redriven(await at.get(space.queue))
    assert fields == {b"x-postbox-user-id": long_text(b"guest")}
    assert parts == split(encoded({}, SHORT_TEXTS))[1]


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
        again, _ = redriven(await at.get(space.queue))
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
        assert redriven(await at.get(space.queue)) == split(written)


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
