"""Whatever is killed, and whenever: no event is lost, and no checkpoint is ahead of a confirm."""

import asyncio
import os
import signal
from contextlib import suppress

import pytest
from pymongo.errors import AutoReconnect

from relay.options import Options
from relay.relay import Relay
from relay.state import State
from tests.eventually import eventually
from tests.relay.harness import RelayHarness

BLOCKED_S = 3.0
PRIMARYLESS_S = 8


@pytest.mark.fault(6, "relay killed after publish, after confirm, before checkpoint")
@pytest.mark.parametrize("point", ["relay.published", "relay.confirmed", "relay.marked"])
async def test_a_relay_that_is_killed_loses_nothing(harness: RelayHarness, point: str) -> None:
    """Goal: I7 at the moment of death, then nothing lost. Method: SIGKILL at the n-th pass through
    the point, after some tokens were saved; compare what the token has passed with the queue."""
    ids = await harness.add(5)
    async with harness.program(CRASH_AT=f"{point}:12") as relay:
        while relay.process.returncode is None:
            ids += await harness.add(5)
            await asyncio.sleep(0.05)
        assert await relay.ended() == -signal.SIGKILL
    passed = await harness.behind_the_token()
    assert passed, "a token was saved before the kill"
    assert passed <= set(await harness.pull())

    await harness.database["relay_checkpoint"].update_one({}, {"$unset": {"until": ""}})
    async with harness.relaying():
        await harness.delivered(ids)
    repeats = len(harness.arrived) - len(ids)
    assert 0 <= repeats < len(ids), "duplicates at most, and not of everything"


@pytest.mark.fault(7, "primary steps down under load")
async def test_a_primary_that_steps_down_loses_nothing(harness: RelayHarness) -> None:
    """Goal: it is reported, and the stream goes on in commit order. Method: there is no primary for
    longer than anything waits for one."""
    async with harness.streaming() as relay:
        ids = await harness.add(20)
        await harness.delivered(ids)
        ids += await harness.add_backwards(200)
        with suppress(AutoReconnect):  # it closes its connections
            await harness.client.admin.command("replSetStepDown", PRIMARYLESS_S, force=True)
        await database_is_reported(harness, relay)
        await eventually(harness.is_primary, limit_s=3 * PRIMARYLESS_S)
        ids += await harness.add_backwards(20)
        await harness.delivered_in_order(ids)
        await recovered(relay)


@pytest.mark.fault(8, "mongod kill -9 and restart")
async def test_a_database_that_is_killed_loses_nothing(harness: RelayHarness) -> None:
    """Goal and method are the same."""
    async with harness.streaming() as relay:
        ids = await harness.add(20)
        await harness.delivered(ids)
        ids += await harness.add_backwards(500)
        await harness.mongod.kill()
        try:
            await database_is_reported(harness, relay)
        finally:
            await harness.mongod.start()
        ids += await harness.add_backwards(20)
        await harness.delivered_in_order(ids)
        await recovered(relay)


async def database_is_reported(harness: RelayHarness, relay: Relay) -> None:
    """Within ten seconds."""

    async def look() -> bool:
        return f"{harness.name}.database" in relay.health.problems

    await eventually(look)


async def recovered(relay: Relay) -> None:
    async def look() -> bool:
        return not relay.health.problems and relay.state is State.STREAMING

    await eventually(look)


@pytest.mark.fault(10, "broker kill -9 in the middle of publishing")
async def test_a_broker_that_is_killed_loses_nothing(harness: RelayHarness) -> None:
    async with harness.relaying():
        ids = await harness.add(20)
        await harness.delivered(ids)
        await harness.register_queue()
        ids += await harness.add(3 * Options().window_messages_max)

        async def is_in_the_middle() -> bool:
            return (await harness.states()).get("published", 0) > 100

        await eventually(is_in_the_middle)
        await harness.rabbitmq.kill()
        assert (await harness.states())["pending"] > 0
        ids += await harness.add(20)
        await harness.rabbitmq.start()
        await harness.delivered(ids)


@pytest.mark.fault(11, "broker frozen")
async def test_a_broker_that_is_frozen_past_the_deadline_loses_nothing(
    harness: RelayHarness,
) -> None:
    """Goal: an unconfirmed message is sent again on a new connection. Method: SIGSTOP for longer
    than the deadline on a confirm."""
    async with harness.relaying(Options(publish_deadline_s=0.5)) as relay:
        ids = await harness.add(20)
        await harness.delivered(ids)
        pid = harness.rabbitmq.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            ids += await harness.add(100)

            async def has_noticed() -> bool:
                return f"{harness.name}.broker" in relay.health.problems

            await eventually(has_noticed)
        finally:
            os.kill(pid, signal.SIGCONT)
        await harness.delivered(ids)


@pytest.mark.fault(13, "memory alarm")
async def test_a_broker_that_blocks_publishers_is_waited_for(harness: RelayHarness) -> None:
    """Goal: while the broker blocks, memory stays bounded and nothing is sent again and again.
    Method: a memory alarm, with a deadline much shorter than it lasts and a small window."""
    options = Options(publish_deadline_s=2.0, window_messages_max=50)
    async with harness.relaying(options) as relay:
        ids = await harness.add(20)
        await harness.delivered(ids)
        await harness.rabbitmq.ctl("set_vm_memory_high_watermark", "absolute", "1MB")
        try:
            ids += await harness.add(200)

            async def is_blocked() -> bool:
                return "blocks" in relay.health.problems.get(f"{harness.name}.broker", "")

            await eventually(is_blocked)
            await asyncio.sleep(BLOCKED_S)
        finally:
            await harness.rabbitmq.ctl("set_vm_memory_high_watermark", "absolute", "1GB")
        await harness.delivered(ids)

        async def is_healthy() -> bool:
            return not relay.health.problems

        await eventually(is_healthy)
    assert len(harness.arrived) == len(ids), "nothing was sent twice"
