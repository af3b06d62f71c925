"""A connection is closed whatever becomes of those who asked for it."""

import asyncio

import pytest

from postbox.rabbitmq import connected
from tests.conftest import Space
from tests.eventually import eventually
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
