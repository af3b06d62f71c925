"""A MongoDB command that is never answered is reported, given up and sent again."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Final

import pytest

from postbox.outbox import Source
from relay.mark import marker
from relay.options import Options
from relay.read import watchdog
from relay.relay import Relay
from relay.state import RelayHealth
from tests.eventually import eventually
from tests.postbox.failpoints import failing
from tests.postbox.tcp_proxy import tcp_proxy
from tests.relay.harness import RelayHarness

REPORT_AFTER_S, GIVE_UP_AFTER_S = 1.5, 2.5
HELD_BACK_S: Final = 6.0
LONG_LEASE: Final = Options(lease_s=60.0)
"""So that no renewal of the lease, in time or late, ends the term."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "REPORT_AFTER_S", REPORT_AFTER_S)
    monkeypatch.setattr(watchdog, "GIVE_UP_AFTER_S", GIVE_UP_AFTER_S)
    monkeypatch.setattr(marker, "COMMAND_TIMEOUT_S", REPORT_AFTER_S)


def held_back(harness: RelayHarness, command: str) -> AbstractAsyncContextManager[None]:
    """Delay the next reply to such a command of the relay's on the outbox."""
    return failing(
        harness.mongod.uri,
        command,
        times=1,
        application=f"relay {harness.name}",
        namespace=f"{harness.name}.outbox",
        blockConnection=True,
        blockTimeMS=int(HELD_BACK_S * 1000),
    )


async def reported(relay: Relay, part: str) -> None:
    async def look() -> bool:
        return part in relay.health.problems

    await eventually(look)


async def test_a_stream_whose_connection_died_is_opened_again(harness: RelayHarness) -> None:
    """Goal: the operating system need not notice. Method: the open connections carry nothing any
    more, while new ones do."""
    uri = harness.source.uri.replace("replicaSet=rs0", "directConnection=true")
    stop = asyncio.Event()
    async with tcp_proxy(uri) as line:
        relay = Relay(
            Source(harness.name, line.uri),
            harness.rabbitmq.uri,
            health=RelayHealth(),
            options=LONG_LEASE,
        )
        running = asyncio.ensure_future(relay.run(stop))
        try:
            ids = await harness.add(5)
            await harness.delivered(ids)
            line.stall()
            ids += await harness.add(5)
            await reported(relay, f"{harness.name}.stream")
            await harness.delivered(ids)
            assert not relay.health.problems
        finally:
            stop.set()
            await asyncio.wait_for(running, 10)


@pytest.mark.parametrize("command", ["createIndexes", "find"])
async def test_a_start_that_hangs_is_given_up(harness: RelayHarness, command: str) -> None:
    """Method: MongoDB delays one reply, to the making of an index or to the pending rows."""
    ids = await harness.add(5)
    async with held_back(harness, command), harness.relaying(LONG_LEASE):
        await delivered_before_the_reply(harness, ids)


async def test_a_sweep_that_hangs_is_given_up(harness: RelayHarness) -> None:
    sweeping = Options(lease_s=60.0, sweep_every_s=0.5)
    async with harness.streaming(sweeping) as relay, held_back(harness, "find"):
        await reported(relay, f"{harness.name}.stream")
        await delivered_before_the_reply(harness, await harness.add(5))


async def test_a_mark_that_hangs_is_given_up(harness: RelayHarness) -> None:
    async with harness.streaming(LONG_LEASE), held_back(harness, "update"):
        await delivered_before_the_reply(harness, await harness.add(5))


async def test_a_parking_that_hangs_is_given_up(harness: RelayHarness) -> None:
    async def is_parked() -> bool:
        return await harness.states() == {"parked": 1}

    async with harness.streaming(LONG_LEASE), held_back(harness, "update"):
        await harness.add(1, type="x" * 300)
        await eventually(is_parked, limit_s=HELD_BACK_S - 0.5)


async def delivered_before_the_reply(harness: RelayHarness, ids: list[str]) -> None:
    await eventually(harness.is_all_published, limit_s=HELD_BACK_S)
    await harness.delivered(ids)
