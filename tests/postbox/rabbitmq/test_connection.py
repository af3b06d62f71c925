"""A connection is closed whatever becomes of those who asked for it."""

import asyncio
import gc
import logging
import warnings
from collections.abc import AsyncIterator, Awaitable, Iterator
from uuid import uuid4

import pytest

from postbox.errors import BrokerUnavailable
from postbox.rabbitmq import connected
from stack.servers.ports import LOOPBACK, free_port
from stack.servers.rabbitmq import RabbitMQ
from tests.conftest import Space
from tests.eventually import eventually
from tests.postbox.cancellation import turns_of_lost_cancellations
from tests.postbox.tcp_proxy import tcp_proxy

ANSWERS = 3
"""To a connection's beginning: Start, Tune, OpenOk."""
STEPS = 25
"""So many turns of the event loop after an answer, whatever it sets off has been done."""


@pytest.mark.parametrize("answer", range(ANSWERS + 1))
async def test_whoever_is_cancelled_while_it_connects_leaves_no_connection(
    space: Space, answer: int
) -> None:
    """Method: cancel at each turn of the event loop after each answer of the broker."""
    async with tcp_proxy(space.rabbitmq_uri) as line:

        async def connect() -> None:
            async with connected(line.uri, name="cancelled"):
                await asyncio.Event().wait()

        for step in range(STEPS):
            line.answers = 0
            connecting = asyncio.create_task(connect())
            while line.answers < answer:  # noqa: ASYNC110 - one turn of the loop at a time
                await asyncio.sleep(0)
            for _ in range(step):
                await asyncio.sleep(0)
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting

        async def none_is_open() -> bool:
            return not line.is_used

        await eventually(none_is_open)
    gc.collect()


async def test_a_cancellation_is_heeded_at_every_moment_of_an_operation(space: Space) -> None:
    turns, times = 10, 3
    async with connected(space.rabbitmq_uri, name="cancelled") as connection:
        channels = [await connection.channel() for _ in range(turns * times)]

        def declare() -> Awaitable[object]:  # one that is cancelled takes its channel with it
            return channels.pop().declare_queue(space.queue, timeout=3)

        assert await turns_of_lost_cancellations(declare, turns=turns, times=times) == []


@pytest.fixture
def collecting_by_hand() -> Iterator[None]:
    """Nothing is collected but where a test says so; no captured log line keeps an error alive."""
    gc.collect()
    gc.disable()
    logging.disable()
    yield
    logging.disable(logging.NOTSET)
    gc.enable()


@pytest.mark.usefixtures("collecting_by_hand")
async def test_one_that_cannot_be_opened_leaves_nothing_to_the_garbage_collector() -> None:
    """Method: collect in a thread, which has no loop, as it happens in a program with threads."""

    async def connect() -> None:
        with pytest.raises(BrokerUnavailable):
            async with connected(f"amqp://{LOOPBACK}:{free_port()}/", name="nobody"):
                pass

    await asyncio.create_task(connect())
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        await asyncio.to_thread(gc.collect)
    assert [str(one.message) for one in seen] == []


@pytest.fixture
async def stranger(rabbitmq: RabbitMQ) -> AsyncIterator[str]:
    """The name of a user who may nothing, and of a virtual host that takes no connection."""
    name = f"t{uuid4().hex}"
    await rabbitmq.ctl("add_user", name, "pw")
    await rabbitmq.ctl("add_vhost", name)
    await rabbitmq.ctl("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
    await rabbitmq.ctl("set_vhost_limits", "-p", name, '{"max-connections": 0}')
    yield name
    await rabbitmq.ctl("delete_user", name)
    await rabbitmq.ctl("delete_vhost", name)


@pytest.mark.fault(33, "a refused virtual host, permission, password or limit")
@pytest.mark.parametrize(
    ("login", "vhost", "words"),
    [
        ("guest:guest", "nowhere", "vhost nowhere not found"),
        ("guest:guest", "{stranger}", "connection limit (0) is reached"),
        ("{stranger}:pw", "{stranger}", "access to vhost '{stranger}' refused"),
        ("{stranger}:wrong", "%2f", "ACCESS_REFUSED - Login was refused"),
    ],
)
async def test_a_refusal_reads_as_what_it_is(
    rabbitmq: RabbitMQ, stranger: str, login: str, vhost: str, words: str
) -> None:
    host = rabbitmq.uri.rpartition("@")[2].rstrip("/")
    uri = f"amqp://{login}@{host}/{vhost}".format(stranger=stranger)
    with pytest.raises(BrokerUnavailable) as refused:
        async with connected(uri, name="test"):
            pass
    assert words.format(stranger=stranger) in str(refused.value)
    assert "Error" not in str(refused.value), "no class of the client's"
