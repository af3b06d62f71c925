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
from tests.postbox.link import link
from tests.relay.stage import Stage

SHOWN_AFTER_S, GIVEN_UP_AFTER_S = 1.5, 2.5
HELD_BACK_S: Final = 6.0
LONG_LEASE: Final = Options(lease_s=60.0)
"""So that no renewal in time, and none that hangs, ends the term."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "SHOWN_AFTER_S", SHOWN_AFTER_S)
    monkeypatch.setattr(watchdog, "GIVEN_UP_AFTER_S", GIVEN_UP_AFTER_S)
    monkeypatch.setattr(marker, "ANSWER_LIMIT_S", SHOWN_AFTER_S)


def held_back(stage: Stage, command: str) -> AbstractAsyncContextManager[None]:
    """The next answer to such a command of the relay's to the outbox."""
    return failing(
        stage.mongod.uri,
        command,
        times=1,
        application=f"relay {stage.name}",
        namespace=f"{stage.name}.outbox",
        blockConnection=True,
        blockTimeMS=int(HELD_BACK_S * 1000),
    )


async def told_of(relay: Relay, part: str) -> None:
    async def look() -> bool:
        return part in relay.health.problems

    await eventually(look)


async def test_a_stream_whose_connection_went_dead_is_opened_anew(stage: Stage) -> None:
    """Goal: no operating system has to notice. Method: the connections carry nothing any more,
    while new ones do."""
    uri = stage.source.uri.replace("replicaSet=rs0", "directConnection=true")
    stop = asyncio.Event()
    async with link(uri) as line:
        relay = Relay(
            Source(stage.name, line.uri),
            stage.rabbitmq.uri,
            health=RelayHealth(),
            options=LONG_LEASE,
        )
        running = asyncio.ensure_future(relay.run(stop))
        try:
            ids = await stage.add(5)
            await stage.delivered(ids)
            line.stall()
            ids += await stage.add(5)
            await told_of(relay, f"{stage.name}.stream")
            await stage.delivered(ids)
            assert not relay.health.problems
        finally:
            stop.set()
            await asyncio.wait_for(running, 10)


@pytest.mark.parametrize("command", ["createIndexes", "find"])
async def test_a_start_that_hangs_is_given_up(stage: Stage, command: str) -> None:
    """Method: MongoDB holds back one answer: to the making of the index, or to the pending rows."""
    ids = await stage.add(5)
    async with held_back(stage, command), stage.relaying(LONG_LEASE):
        await delivered_before_the_answer(stage, ids)


async def test_a_sweep_that_hangs_is_given_up(stage: Stage) -> None:
    sweeping = Options(lease_s=60.0, sweep_every_s=0.5)
    async with stage.streaming(sweeping) as relay, held_back(stage, "find"):
        await told_of(relay, f"{stage.name}.stream")
        await delivered_before_the_answer(stage, await stage.add(5))


async def test_a_mark_that_hangs_is_given_up(stage: Stage) -> None:
    async with stage.streaming(LONG_LEASE), held_back(stage, "update"):
        await delivered_before_the_answer(stage, await stage.add(5))


async def test_a_parking_that_hangs_is_given_up(stage: Stage) -> None:
    async def is_parked() -> bool:
        return await stage.states() == {"parked": 1}

    async with stage.streaming(LONG_LEASE), held_back(stage, "update"):
        await stage.add(1, type="x" * 300)
        await eventually(is_parked, limit_s=HELD_BACK_S - 0.5)


async def delivered_before_the_answer(stage: Stage, ids: list[str]) -> None:
    await eventually(stage.is_all_published, limit_s=HELD_BACK_S)
    await stage.delivered(ids)
