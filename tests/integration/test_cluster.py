"""Three MongoDB, three RabbitMQ, two of each program: the loss of one is not noticed."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any, Final

import orjson
import pytest
from testcontainers.core.network import Network

from deploy.images import Images
from deploy.shell import run
from scenarios.clients.connections import connect
from tests.eventually import eventually
from tests.integration.container_specs import SERVICES
from tests.integration.faults import check_invariants
from tests.integration.flow import Flow
from tests.integration.run_counts import TALLY
from tests.integration.system import LOOPBACK_ONLY, System

ELECTION_LIMIT_S: Final = 60.0
RETURN_LIMIT_S: Final = 90.0
GATEWAYS: Final = ("gateway", "gateway2")
CUT_OFF_EVENT: Final = "01900000-0000-7000-8000-000000000009"
REPLICAS_LIMIT_S: Final = 60.0

# Runs beside the primary that is cut off; a write of its own that nobody confirms.
WRITE_ALONE: Final = """
import sys, orjson, pymongo
from datetime import UTC, datetime
client = pymongo.MongoClient("mongodb://alone/?directConnection=true", w=1,
                             serverSelectionTimeoutMS=5000)
row = {**orjson.loads(sys.argv[1]), "time": datetime.now(UTC)}
client.gateway.outbox.insert_one(row)
print("written")
"""


@pytest.fixture(scope="module")
async def cluster(images: Images) -> AsyncIterator[System]:
    async with System(images, members=3, copies=2) as running:
        await eventually(lambda: _has_replicas(running), limit_s=REPLICAS_LIMIT_S, every_s=1.0)
        yield running


@pytest.mark.fault(7, "the primary is lost under load")
@pytest.mark.fault(8, "mongod kill -9 and restart")
async def test_the_primary_is_killed(cluster: System, seed: int) -> None:
    """Goal: nothing is lost, and the stream goes on from the new primary."""
    async with Flow(cluster, seed, GATEWAYS) as flow:
        await eventually(lambda: _accepted(flow, 5))
        old = await cluster.primary()
        assert old is not None
        await cluster.containers[old].kill()
        TALLY.harms["killed"] += 1
        await eventually(cluster.primary, limit_s=ELECTION_LIMIT_S, every_s=0.5)
        await cluster.containers[old].start()
        await cluster.ready(old)
    await check_invariants(cluster, flow)


@pytest.mark.fault(9, "the primary is cut off (three nodes)")
async def test_the_primary_is_cut_off(cluster: System, images: Images, seed: int) -> None:
    """Goal: a write that is rolled back is never published. Method: cut the primary off from the
    others; write an outbox row to it, which it takes, still believing; let it come back."""
    row: dict[str, Any] = {
        "_id": CUT_OFF_EVENT,
        "type": "booking.cancel.requested",
        "subject": "rolled-back",
        "source": "/services/gateway",
        "data": {"intentId": "rolled-back", "requestedBy": "ada"},
        "partition": 0,
        "state": "pending",
    }
    network = Network(docker_network_kw={"options": LOOPBACK_ONLY})
    with network:
        async with Flow(cluster, seed, GATEWAYS) as flow:
            await eventually(lambda: _accepted(flow, 5))
            old = await cluster.primary()
            assert old is not None
            container = cluster.containers[old]
            network.connect(container.id, ["alone"])
            try:
                await container.cut_off()
                TALLY.harms["cut off"] += 1
                await _write_alone(images, network, row)
                await eventually(
                    lambda: _another_primary(cluster, old), limit_s=ELECTION_LIMIT_S, every_s=0.5
                )
            finally:
                await container.reconnect()
                run(
                    ["docker", "network", "disconnect", network.name, container.id], why="not apart"
                )
            await cluster.ready(old, limit_s=RETURN_LIMIT_S)
    await check_invariants(cluster, flow)
    async with connect(await cluster.info()) as connections:
        for service in SERVICES:
            heard = {"_id": {"$regex": CUT_OFF_EVENT}}
            assert not await connections.mongo[service].inbox.count_documents(heard)
        assert not await connections.mongo["gateway"].outbox.count_documents({"_id": CUT_OFF_EVENT})


@pytest.mark.fault(10, "broker kill -9: each node of three in turn")
async def test_each_broker_is_killed_in_turn(cluster: System, seed: int) -> None:
    """Goal: every confirmed message survives on the other two; no booking is refused."""
    draw = random.Random(f"{seed} brokers")
    async with Flow(cluster, seed, GATEWAYS) as flow:
        for name in cluster.brokers:
            await asyncio.sleep(draw.uniform(0, 1))
            await cluster.containers[name].kill()
            TALLY.harms["killed"] += 1
            await asyncio.sleep(draw.uniform(0, 1))
            await cluster.containers[name].start()
            await cluster.ready(name, limit_s=RETURN_LIMIT_S)
    assert not flow.refused, flow.refusals
    await check_invariants(cluster, flow)


@pytest.mark.fault(17, "SIGTERM of everything, one after another")
async def test_a_rolling_restart_refuses_no_booking(cluster: System, seed: int) -> None:
    """Goal: every intent is accepted at once, by one gateway where the other is being restarted, or
    waits in vain for a primary: a handover may take longer than the 5 s of a transaction."""
    async with Flow(cluster, seed, GATEWAYS) as flow:
        for name in (*cluster.programs, *cluster.brokers, *cluster.mongos):
            await cluster.containers[name].stop()
            TALLY.harms["stopped"] += 1
            await cluster.containers[name].start()
            await cluster.ready(name, limit_s=RETURN_LIMIT_S)
    assert not flow.refused, flow.refusals
    await check_invariants(cluster, flow)


async def _write_alone(images: Images, network: Network, row: dict[str, Any]) -> None:
    said = await asyncio.to_thread(
        run,
        [
            *("docker", "run", "--rm", "--network", network.name, "--entrypoint", "python3"),
            *(images.program, "-c", WRITE_ALONE, orjson.dumps(row).decode()),
        ],
        why="the primary that is cut off took no write",
    )
    assert said == "written"


async def _another_primary(cluster: System, old: str) -> bool:
    return await cluster.primary() not in (None, old)


async def _accepted(flow: Flow, count: int) -> bool:
    return len(flow.intents) >= count


async def _has_replicas(cluster: System) -> bool:
    """Whether each queue lives on all three brokers; those that came late are given theirs."""
    lines = await cluster.containers["rabbitmq"].execute(
        "rabbitmqctl", "-q", "list_queues", "name", "online"
    )
    queues = [line for line in lines.splitlines() if "rabbit@" in line]
    return bool(queues) and all(line.count("rabbit@") == len(cluster.brokers) for line in queues)
