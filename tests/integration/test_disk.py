"""The database's disk is full."""

from typing import Final

import pytest
from pymongo.errors import PyMongoError

from tests.eventually import eventually
from tests.integration.container_specs import DISK
from tests.integration.faults import check_invariants
from tests.integration.flow import Flow
from tests.integration.system import System

FULL_LIMIT_S: Final = 60.0
FILLER: Final = "/data/db/filler"
CHUNK_BYTES: Final = 8 * 1024 * 1024
REFUSALS_MIN: Final = 3


@pytest.mark.fault(25, "the database's disk is full")
async def test_a_full_disk_refuses_and_loses_nothing(system: System, seed: int) -> None:
    """Goal: 503 while it is full, and all that was acknowledged is there afterwards. Method: fill
    the volume, write until MongoDB gives up, then make room and start it again."""
    disk, mongo = system.containers[DISK], system.containers["mongo"]
    async with Flow(system, seed) as flow:
        await eventually(lambda: _accepted(flow, 5))
        await disk.execute("sh", "-c", f"cat /dev/zero > {FILLER} 2>/dev/null || true")
        try:
            await eventually(lambda: _has_given_up(system), limit_s=FULL_LIMIT_S)
            await eventually(lambda: _refused(flow), limit_s=FULL_LIMIT_S)
        finally:
            await disk.execute("rm", "-f", FILLER)
            await mongo.start()
        await system.ready("mongo")
    assert all(": 503 " in refusal for refusal in flow.refusals), flow.refusals[:3]
    await check_invariants(system, flow)


async def _has_given_up(system: System) -> bool:
    """Writes more, until it does not answer."""
    try:
        async with system.mongo_client("mongo") as client:
            await client["filler"]["filler"].insert_one({"bytes": b"\0" * CHUNK_BYTES})
            await client.admin.command("fsync")
    except PyMongoError:
        return not await system.is_ready("mongo")
    return False


async def _refused(flow: Flow) -> bool:
    return len(flow.refusals) >= REFUSALS_MIN


async def _accepted(flow: Flow, count: int) -> bool:
    return len(flow.intents) >= count
