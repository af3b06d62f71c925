"""The broker misbehaves without dying: it freezes, loses a binding, is full, is told to wait."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aio_pika
import httpx
import pytest
from aio_pika.abc import AbstractChannel

from contracts.topology import EXCHANGE
from scenarios.checker import check
from scenarios.clients.connections import connect
from tests.eventually import eventually
from tests.integration.container_specs import SERVICES
from tests.integration.faults import check_invariants
from tests.integration.flow import Flow
from tests.integration.run_counts import TALLY
from tests.integration.system import System

FROZEN_S: Final = 12.0
"""Longer than the relay waits for a confirm, which is 10 s."""
MEMORY_MAX_MB: Final = 150
BACKLOG_EVENTS: Final = 200
BACKLOG_LIMIT_S: Final = 30.0
REPAIR_LIMIT_S: Final = 15.0
FAST_S: Final = 0.02
SLOW_CPUS: Final = 0.05
TEARS: Final = 20
REFUNDED: Final = "payment.refunded"
HEAR_OF_REFUNDS: Final = ("booking.events", "gateway.events")
TEAR_EVERY_S: Final = 0.1
MISSED_S: Final = 2.0


@asynccontextmanager
async def channel(system: System) -> AsyncIterator[AbstractChannel]:
    async with await aio_pika.connect(system.amqp_uri()) as connection:
        yield await connection.channel()


async def pending(system: System) -> int:
    """Outbox rows that the relay has not published yet."""
    async with system.mongo_client("mongo") as mongo:
        return sum(
            [
                await mongo[service].outbox.count_documents({"state": "pending"})
                for service in SERVICES
            ]
        )


@pytest.mark.fault(10, "broker kill -9 in the middle of publishing")
async def test_a_broker_killed_in_the_middle_of_publishing_loses_nothing(
    system: System, seed: int
) -> None:
    """Goal: what it confirmed survives, the rest is sent again. Method: a backlog, relayed to a
    broker so slow that it is killed between its first confirms and its last; and the relay with it,
    so that nobody but the outbox knows what is pending."""
    rabbitmq, relay = system.containers["rabbitmq"], system.containers["relay"]
    await relay.stop()
    async with Flow(system, seed, every_s=FAST_S) as flow:
        await eventually(lambda: _is_pending(system, BACKLOG_EVENTS), limit_s=BACKLOG_LIMIT_S)
    backlog = await pending(system)
    await rabbitmq.slow_down(SLOW_CPUS)
    await relay.start()
    await eventually(lambda: _is_less_than(system, backlog), limit_s=BACKLOG_LIMIT_S)
    await asyncio.gather(rabbitmq.kill(), relay.kill())
    TALLY.harms["killed"] += 2
    await rabbitmq.slow_down(os.cpu_count() or 1)
    await asyncio.gather(rabbitmq.start(), relay.start())
    await check_invariants(system, flow)


@pytest.mark.fault(11, "broker frozen, or the confirm lost")
async def test_a_frozen_broker_is_waited_out(system: System, seed: int) -> None:
    """Goal: what was published, but not confirmed in time, is published again, and absorbed."""
    rabbitmq = system.containers["rabbitmq"]
    async with Flow(system, seed) as flow:
        await eventually(lambda: _accepted(flow, 5))
        await rabbitmq.pause()
        TALLY.harms["paused"] += 1
        await asyncio.sleep(FROZEN_S)
        await rabbitmq.unpause()
        await system.ready("rabbitmq")
    assert not flow.refusals, "a broker that is unavailable delays events, and refuses no booking"
    await check_invariants(system, flow)


@pytest.mark.fault(12, "a binding is missing")
async def test_a_torn_binding_is_repaired_and_what_it_missed_is_replayed(
    system: System, seed: int
) -> None:
    """Goal: nothing stays lost. Method: tear one binding of two, so that confirms still come."""
    async with Flow(system, seed, every_s=FAST_S) as flow:
        await eventually(lambda: _accepted(flow, 5))
        async with channel(system) as at:
            queue = await at.get_queue("booking.events", ensure=False)
            for _ in range(TEARS):
                await queue.unbind(EXCHANGE, routing_key="payment.captured")
                await asyncio.sleep(TEAR_EVERY_S)
        await eventually(lambda: _is_bound(system), limit_s=REPAIR_LIMIT_S, every_s=0.2)
    for name in system.programs:
        await system.ready(name)
    missed = await check(await system.info(), settle_s=MISSED_S)
    assert any("booking.events never applied it" in one for one in missed.violations["I1"])
    said = await system.containers["relay"].execute(
        *("python3", "-m", "postbox", "relay", "replay"),
        *("--from", "2m", "--type", "payment.captured", "--yes"),
    )
    assert "events again" in said
    await check_invariants(system, flow)


@pytest.mark.fault(12, "all bindings of a type are missing")
async def test_an_event_that_no_queue_wants_is_kept(system: System, seed: int) -> None:
    """Goal: kept in `events.unrouted`, alarmed, and sent again when a person says so."""
    async with Flow(system, seed) as flow, channel(system) as at:
        unrouted = await at.get_queue("events.unrouted", ensure=False)

        async def tear_and_look() -> bool:
            await _tear_refunds(at)
            declared = await at.declare_queue(unrouted.name, passive=True)
            return bool(declared.declaration_result.message_count)

        await eventually(tear_and_look, every_s=TEAR_EVERY_S)
        await eventually(lambda: _is_alarmed(system), limit_s=REPAIR_LIMIT_S, every_s=0.2)
    await eventually(lambda: _is_bound_for_refunds(system), limit_s=REPAIR_LIMIT_S, every_s=0.2)
    await system.containers["relay"].execute(
        *("python3", "-m", "postbox", "unrouted", "redrive", "--all", "--yes")
    )
    await _replay_refunds(system)
    await check_invariants(system, flow)


@pytest.mark.fault(12, "all bindings of a type are missing, and that of the unrouted too")
async def test_an_event_with_nowhere_to_go_is_not_taken_for_published(
    system: System, seed: int
) -> None:
    """Goal: the broker's confirm of what it dropped is not believed. Method: tear all bindings of a
    type, and the one of the queue that the broker would keep it in, again and again."""
    async with Flow(system, seed) as flow:
        await eventually(lambda: _accepted(flow, 5))
        async with channel(system) as at:
            unrouted = await at.get_queue("events.unrouted", ensure=False)
            for _ in range(TEARS * 3):
                await _tear_refunds(at)
                await unrouted.unbind("events.unrouted")
                await asyncio.sleep(TEAR_EVERY_S)
        await eventually(lambda: _is_bound_for_refunds(system), limit_s=REPAIR_LIMIT_S, every_s=0.2)
    # What came between the two was kept there; there may be none.
    redrive = "python3 -m postbox unrouted redrive --all --yes || true"
    await system.containers["relay"].execute("sh", "-c", redrive)
    await _replay_refunds(system)
    await check_invariants(system, flow)


@pytest.mark.fault(13, "disk alarm")
async def test_a_blocked_broker_is_waited_for(system: System, seed: int) -> None:
    """Goal: back-pressure, bounded memory, then drained. Method: a limit that no disk satisfies."""
    rabbitmq, relay = system.containers["rabbitmq"], system.containers["relay"]
    async with Flow(system, seed, every_s=FAST_S) as flow:
        await rabbitmq.execute("rabbitmqctl", "-q", "set_disk_free_limit", "100000GB")
        await eventually(lambda: _is_pending(system, BACKLOG_EVENTS), limit_s=BACKLOG_LIMIT_S)
        await rabbitmq.execute("rabbitmqctl", "-q", "set_disk_free_limit", "50MB")
        assert await relay.memory_peak_mb() < MEMORY_MAX_MB
    assert not flow.refusals
    await check_invariants(system, flow)


@pytest.mark.fault(13, "queue full")
async def test_a_full_queue_is_waited_for(system: System, seed: int) -> None:
    """Goal: what a queue rejects stays pending until it is taken, whatever is confirmed around it.
    Method: a queue of one, whose consumer is down, while the other queues take what they get; then
    the relay is killed, so that nobody but the outbox knows what is pending."""
    rabbitmq, relay, payment = (
        system.containers[name] for name in ("rabbitmq", "relay", "payment")
    )
    policy = ("--apply-to", "queues", "full", "^payment\\.events$", '{"max-length":1}')
    await payment.stop()
    await rabbitmq.execute("rabbitmqctl", "-q", "set_policy", *policy)
    async with Flow(system, seed, every_s=FAST_S) as flow:
        await eventually(lambda: _is_pending(system, BACKLOG_EVENTS // 2), limit_s=BACKLOG_LIMIT_S)
        await relay.kill()
        TALLY.harms["killed"] += 1
        await rabbitmq.execute("rabbitmqctl", "-q", "clear_policy", "full")
        await asyncio.gather(relay.start(), payment.start())
    await check_invariants(system, flow)


@pytest.mark.fault(24, "a slow consumer")
async def test_a_slow_consumer_delays_and_harms_nothing(system: System, seed: int) -> None:
    """Goal: bounded memory, and no message set aside. Method: each commit of the booking service
    takes half a second while many customers come."""
    slow = {
        "configureFailPoint": "failCommand",
        "mode": "alwaysOn",
        "data": {
            "failCommands": ["commitTransaction"],
            "appName": "booking",
            "blockConnection": True,
            "blockTimeMS": 500,
        },
    }
    async with connect(await system.info()) as connections:
        admin = connections.mongo.admin
        await admin.command(slow)
        try:
            async with Flow(system, seed, every_s=FAST_S) as flow:
                await eventually(lambda: _accepted(flow, BACKLOG_EVENTS), limit_s=BACKLOG_LIMIT_S)
        finally:
            await admin.command({**slow, "mode": "off"})
    assert await system.containers["booking"].memory_peak_mb() < MEMORY_MAX_MB
    await check_invariants(system, flow)


async def _accepted(flow: Flow, count: int) -> bool:
    return len(flow.intents) >= count


async def _is_pending(system: System, count: int) -> bool:
    return await pending(system) >= count


async def _is_less_than(system: System, count: int) -> bool:
    return await pending(system) < count


async def _is_alarmed(system: System) -> bool:
    """Whether the figure that the alert EventsUnrouted looks at shows them."""
    async with httpx.AsyncClient(trust_env=False) as http:
        text = (await http.get(f"{system.url('gateway')}/metrics")).text
    shown = [line for line in text.splitlines() if line.startswith("postbox_queue_waiting{")]
    return any('queue="events.unrouted"' in line and not line.endswith(" 0.0") for line in shown)


async def _is_bound(system: System) -> bool:
    return await _binding(system, "booking.events", "payment.captured")


async def _is_bound_for_refunds(system: System) -> bool:
    return all([await _binding(system, queue, REFUNDED) for queue in HEAR_OF_REFUNDS])


async def _tear_refunds(at: AbstractChannel) -> None:
    for name in HEAR_OF_REFUNDS:
        queue = await at.get_queue(name, ensure=False)
        await queue.unbind(EXCHANGE, routing_key=REFUNDED)


async def _replay_refunds(system: System) -> None:
    """What came when one of the two bindings was there went to that queue alone."""
    await system.containers["relay"].execute(
        *("python3", "-m", "postbox", "relay", "replay"),
        *("--from", "10m", "--type", REFUNDED, "--yes"),
    )


async def _binding(system: System, queue: str, key: str) -> bool:
    bindings = await system.containers["rabbitmq"].execute(
        "rabbitmqctl", "-q", "list_bindings", "destination_name", "routing_key"
    )
    return [queue, key] in [line.split() for line in bindings.splitlines()]
