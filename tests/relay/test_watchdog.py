"""A question to MongoDB that is never answered is told of, given up, and asked anew."""

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

SHOWN_AFTER_S, GIVEN_UP_AFTER_S = 1.5, 2.5
HELD_BACK_S: Final = 6.0
LONG_LEASE: Final = Options(lease_s=60.0)
"""So that no renewal in time, and none that hangs, ends the term."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "SHOWN_AFTER_S", SHOWN_AFTER_S)
    monkeypatch.setattr(watchdog, "GIVEN_UP_AFTER_S", GIVEN_UP_AFTER_S)
    monkeypatch.setattr(marker, "ANSWER_LIMIT_S", SHOWN_AFTER_S)


def held_back(harness: RelayHarness, command: str) -> AbstractAsyncContextManager[None]:
    """The next answer to such a command of the relay's to the outbox."""
    return failing(
        harness.mongod.uri,
        command,
        times=1,
        application=f"relay {harness.name}",
        namespace=f"{harness.name}.outbox",
        blockConnection=True,
        blockTimeMS=int(HELD_BACK_S * 1000),
    )


async def told_of(relay: Relay, part: str) -> None:
    async def look() -> bool:
        return part in relay.health.problems

    await eventually(look)


async def test_a_stream_whose_connection_went_dead_is_opened_anew(harness: RelayHarness) -> None:
    """Goal: no operating system has to notice. Method: the connections carry nothing any more,
    while new ones do."""
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
            await told_of(relay, f"{harness.name}.stream")
            await harness.delivered(ids)
            assert not relay.health.problems
        finally:
            stop.set()
            await asyncio.wait_for(running, 10)


@pytest.mark.parametrize("command", ["createIndexes", "find"])
async def test_a_start_that_hangs_is_given_up(harness: RelayHarness, command: str) -> None:
    """Method: MongoDB holds back one answer: to the making of the index, or to the pending rows."""
    ids = await harness.add(5)
    async with held_back(harness, command), harness.relaying(LONG_LEASE):
        await delivered_before_the_answer(harness, ids)


async def test_a_sweep_that_hangs_is_given_up(harness: RelayHarness) -> None:
    sweeping = Options(lease_s=60.0, sweep_every_s=0.5)
    async with harness.streaming(sweeping) as relay, held_back(harness, "find"):
        await told_of(relay, f"{harness.name}.stream")
        await delivered_before_the_answer(harness, await harness.add(5))


async def test_a_mark_that_hangs_is_given_up(harness: RelayHarness) -> None:
    async with harness.streaming(LONG_LEASE), held_back(harness, "update"):
        await delivered_before_the_answer(harness, await harness.add(5))


async def test_a_parking_that_hangs_is_given_up(harness: RelayHarness) -> None:
    async def is_parked() -> bool:
        return await harness.states() == {"parked": 1}

    async with harness.streaming(LONG_LEASE), held_back(harness, "update"):
        await harness.add(1, type="x" * 300)
        await eventually(is_parked, limit_s=HELD_BACK_S - 0.5)


async def delivered_before_the_answer(harness: RelayHarness, ids: list[str]) -> None:
    await eventually(harness.is_all_published, limit_s=HELD_BACK_S)
    await harness.delivered(ids)
