"""The sources of one process are isolated: the trouble of one neither slows nor ends another."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from relay.options import Options
from stack.servers.mongod import Mongod
from stack.servers.ports import LOOPBACK
from stack.servers.rabbitmq import RabbitMQ
from tests.eventually import eventually
from tests.postbox.failpoints import failing
from tests.relay.harness import RelayHarness, RelayProgram

PROMPT_S: Final = 2.0
"""Far less than any time limit that the other source's trouble may be waiting for."""
ROUNDS: Final = 5
UNAUTHORIZED: Final = 13
OPERATION_FAILED: Final = 96


@pytest.fixture
async def other(rabbitmq: RabbitMQ, tmp_path: Path) -> AsyncIterator[RelayHarness]:
    """A source in a database server of its own."""
    async with (
        Mongod(tmp_path / "other") as mongod,
        RelayHarness(mongod, rabbitmq, tmp_path) as other,
    ):
        yield other


@asynccontextmanager
async def relaying(one: RelayHarness, other: RelayHarness) -> AsyncIterator[RelayProgram]:
    """Both by one process."""
    async with one.program(RELAY_SOURCES=_sources(one, other)) as relay:
        for harness in (one, other):
            await harness.delivered(await harness.add(3))
        yield relay


def _sources(*harnesses: RelayHarness) -> str:
    return ",".join(f"{one.source.name}={one.source.uri}" for one in harnesses)


async def problems(relay: RelayProgram) -> dict[str, str]:
    async with httpx.AsyncClient(trust_env=False) as http:
        reply = await http.get(f"http://{LOOPBACK}:{relay.port}/readyz")
    states = ("ok", "standby", "backfill", "streaming")
    checks: dict[str, Any] = reply.json()["checks"]
    return {part: reason for part, reason in checks.items() if reason not in states}


async def only_problem_is(relay: RelayProgram, part: str) -> None:
    async def look() -> bool:
        assert set(await problems(relay)) == {part}
        return True

    await eventually(look)


async def works_promptly(harness: RelayHarness) -> None:
    for _ in range(ROUNDS):
        ids = await harness.add(1)
        await eventually(harness.is_all_published, limit_s=PROMPT_S)
        await harness.delivered(ids)


async def test_a_database_that_is_frozen_slows_no_other_source(
    harness: RelayHarness, other: RelayHarness
) -> None:
    pid = other.mongod.pid
    assert pid is not None
    async with relaying(harness, other) as relay:
        ids = await other.add(100)
        os.kill(pid, signal.SIGSTOP)
        try:
            await works_promptly(harness)
            await only_problem_is(relay, f"{other.name}.database")
            await works_promptly(harness)
        finally:
            os.kill(pid, signal.SIGCONT)
        await other.delivered(ids)


async def test_a_database_that_is_killed_slows_no_other_source(
    harness: RelayHarness, other: RelayHarness
) -> None:
    async with relaying(harness, other) as relay:
        ids = await other.add(100)
        await other.mongod.kill()
        await works_promptly(harness)
        await only_problem_is(relay, f"{other.name}.database")
        await works_promptly(harness)
        await other.mongod.start()
        await other.delivered(ids)


async def test_a_queue_that_is_full_slows_no_other_source(
    harness: RelayHarness, other: RelayHarness
) -> None:
    """Goal: the window of one source may fill up. Method: its queue accepts one message."""
    async with relaying(harness, other):
        await other.limit_queue(1)
        ids = await other.add(Options().window_messages_max + 1_000)
        await works_promptly(harness)
        assert (await other.states())["pending"] > Options().window_messages_max
        await other.limit_queue(2 * len(ids))

        async def have_arrived() -> bool:  # a queue looks at its limit when it gets shorter
            return set(ids) <= set(await other.pull())

        await eventually(have_arrived)


@pytest.mark.fault(32, "one source's outbox is another thing")
async def test_an_outbox_that_is_another_thing_ends_no_other_source(
    harness: RelayHarness, other: RelayHarness
) -> None:
    """Goal: it is reported, and relayed once it is mended. Method: its name is a view's."""
    await other.rows.drop()
    await other.database.create_collection("outbox", viewOn="others", pipeline=[])
    async with harness.program(RELAY_SOURCES=_sources(harness, other)) as relay:
        await harness.delivered(await harness.add(3))
        await works_promptly(harness)
        await only_problem_is(relay, f"{other.name}.database")
        assert "is a view" in (await problems(relay))[f"{other.name}.database"]
        await other.rows.drop()
        ids = await other.add(10)
        await other.delivered(ids)


@pytest.mark.parametrize("code", [UNAUTHORIZED, OPERATION_FAILED])
async def test_a_database_that_refuses_the_relay_ends_no_other_source(
    harness: RelayHarness, other: RelayHarness, code: int
) -> None:
    """Goal: a permission that was taken away, or whatever else, is reported, affects its own source
    alone, and is recovered from. Method: every command of that source's relay fails for a while."""
    commands = ("aggregate", "find", "findAndModify", "getMore", "update")
    refused = failing(
        other.mongod.uri, *commands, application=f"relay {other.name}", errorCode=code
    )
    async with relaying(harness, other) as relay:
        async with refused:
            ids = await other.add(10)
            await only_problem_is(relay, f"{other.name}.database")
            await works_promptly(harness)
        await other.delivered(ids)
