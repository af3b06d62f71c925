"""/readyz tells the truth within ten seconds, says what is wrong, and recovers by itself."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import aio_pika

from contracts.topology import EXCHANGE, QUEUES
from postbox.rabbitmq import Topology
from scenarios.registry import SCENARIOS
from scenarios.runner import Progress, run_all
from tests.eventually import eventually
from tests.metrics.conftest import Running
from tests.postbox.failpoints import failing

PROGRAMS = ("gateway", "booking", "payment", "relay")
TOLD_WITHIN_S = 10.0
RECOVERS_WITHIN_S = 20.0


async def checks(running: Running, program: str) -> dict[str, str]:
    """What is wrong: the failing parts, with the reason."""
    reply = await running.http.get(f"{running.url(program)}/readyz")
    reported: dict[str, str] = reply.json()["checks"]
    assert (reply.status_code == 200) == (reply.json()["status"] == "ready")
    states = ("ok", "streaming", "backfill", "standby", "draining")
    return {part: reason for part, reason in reported.items() if reason not in states}


async def all_fail(running: Running, *parts: str) -> float:
    """Wait until each program that has such parts names all of them; how long that took."""
    began = monotonic()

    async def look() -> bool:
        for program in PROGRAMS:
            failing = await checks(running, program)
            for part in parts:
                expected = program != "relay" or part != "consumer"
                reported = any(part in name for name in failing)
                assert reported == expected, f"{program}: {failing}"
        return True

    await eventually(look, limit_s=2 * TOLD_WITHIN_S)
    return monotonic() - began


async def all_recover(running: Running) -> None:
    async def look() -> bool:
        for program in PROGRAMS:
            failing = await checks(running, program)
            assert not failing, f"{program}: {failing}"
        return True

    await eventually(look, limit_s=RECOVERS_WITHIN_S)


@asynccontextmanager
async def frozen(running: Running, server: str) -> AsyncIterator[None]:
    """SIGSTOP, and SIGCONT at the end of the block."""
    await running.stack.kill(server, signal.SIGSTOP)
    try:
        yield
    finally:
        await running.stack.kill(server, signal.SIGCONT)


async def books(running: Running) -> None:
    """The whole system works."""
    (result,) = await run_all([SCENARIOS["trivial"]], running.stack, Progress())
    assert result.problems == ()


async def test_a_database_that_is_frozen_is_reported(running: Running) -> None:
    """Its connections stay open, and nobody answers on them."""
    async with frozen(running, "mongo"):
        took_s = await all_fail(running, "database")
    await all_recover(running)
    assert took_s < TOLD_WITHIN_S


async def test_a_frozen_broker_and_a_hanging_stream_are_reported(running: Running) -> None:
    """Goal: both are noticed although no connection breaks, and the stream is opened anew.

    Method: SIGSTOP for the broker; MongoDB holds back its answer to one relay's next request for
    more, while it answers everything else. Both at once, for neither has a part in the other.
    """
    held_back = failing(
        running.stack.info.mongo.uri,
        "getMore",
        times=1,
        application="relay booking",
        blockConnection=True,
        blockTimeMS=10_000,
    )

    async def stream_is_reported() -> bool:
        return "booking.stream" in await checks(running, "relay")

    async with held_back:
        async with frozen(running, "rabbitmq"):
            took_s, _ = await asyncio.gather(
                all_fail(running, "broker", "consumer"),
                eventually(stream_is_reported, limit_s=TOLD_WITHIN_S),
            )
        await all_recover(running)
    assert took_s < TOLD_WITHIN_S
    await books(running)


async def test_a_consumer_whose_queue_is_deleted_comes_back(running: Running) -> None:
    """Within the limit the queue stands again, bound, with its consumer on it."""
    uri = running.stack.info.rabbitmq.uri
    async with await aio_pika.connect(uri) as connection:
        channel = await connection.channel()
        await channel.queue_delete("booking.events")

        async def is_consumed() -> bool:
            queue = await channel.get_queue("booking.events")
            return bool(queue.declaration_result.consumer_count)

        async def stands() -> bool:
            try:
                return await is_consumed()
            except aio_pika.exceptions.ChannelNotFoundEntity:
                await channel.reopen()
                return False

        await eventually(stands, limit_s=TOLD_WITHIN_S)
    await all_recover(running)
    await books(running)


async def test_consumers_that_their_queues_have_forgotten_come_back(running: Running) -> None:
    """Deleted and declared again at once: RabbitMQ 3.10 says nothing of it to the consumers."""
    async with await aio_pika.connect(running.stack.info.rabbitmq.uri) as connection:
        channel = await connection.channel()
        for queue in QUEUES:
            await channel.queue_delete(queue)
        await Topology(exchange=EXCHANGE, queues=QUEUES).declare(channel)
    began = monotonic()
    await books(running)
    assert monotonic() - began < TOLD_WITHIN_S
    await all_recover(running)
