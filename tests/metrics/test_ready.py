"""/readyz tells the truth within ten seconds, says what is wrong, and recovers by itself."""

import signal
from time import monotonic

import aio_pika
import pytest

from scenarios.play import Progress, play
from scenarios.registry import SCENARIOS
from tests.eventually import eventually
from tests.metrics.conftest import Running
from tests.postbox.failpoints import failing

PROGRAMS = ("gateway", "booking", "payment", "relay")
TOLD_WITHIN_S = 10.0
RECOVERS_WITHIN_S = 20.0


async def checks(running: Running, program: str) -> dict[str, str]:
    """What is wrong: the failing parts, with the reason."""
    reply = await running.http.get(f"{running.url(program)}/readyz")
    told: dict[str, str] = reply.json()["checks"]
    assert (reply.status_code == 200) == (reply.json()["status"] == "ready")
    states = ("ok", "streaming", "backfill", "standby", "draining")
    return {part: reason for part, reason in told.items() if reason not in states}


async def all_fail(running: Running, part: str) -> float:
    """Wait until each program names the part; how long that took."""
    began = monotonic()

    async def look() -> bool:
        for program in PROGRAMS:
            failing = await checks(running, program)
            assert any(part in name for name in failing), f"{program}: {failing}"
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


@pytest.mark.parametrize(("server", "part"), [("mongo", "database"), ("rabbitmq", "broker")])
async def test_a_server_that_is_frozen_is_told_of(running: Running, server: str, part: str) -> None:
    """Its connections stay open, and nobody answers on them. SIGSTOP, then SIGCONT."""
    await running.stack.kill(server, signal.SIGSTOP)
    try:
        took_s = await all_fail(running, part)
    finally:
        await running.stack.kill(server, signal.SIGCONT)
    await all_recover(running)
    assert took_s < TOLD_WITHIN_S


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
    (result,) = await play([SCENARIOS["trivial"]], running.stack, Progress())
    assert result.problems == ()


async def test_a_stream_that_hangs_is_told_of_and_opened_anew(running: Running) -> None:
    """Goal: a relay whose stream is stuck says so, though the database answers all else. Method:
    MongoDB holds back the answers to the relay's next requests for more."""
    held_back = failing(
        running.stack.info.mongo.uri,
        "getMore",
        times=1,
        application="relay booking",
        blockConnection=True,
        blockTimeMS=10_000,
    )

    async def is_told() -> bool:
        return "booking.stream" in await checks(running, "relay")

    async with held_back:
        await eventually(is_told, limit_s=TOLD_WITHIN_S)
        await all_recover(running)
    (result,) = await play([SCENARIOS["trivial"]], running.stack, Progress())
    assert result.problems == ()
