"""`python -m relay`: runs in the foreground, is ready, drains on SIGTERM, says what is wrong."""

import asyncio
import json
import signal
import time

import aio_pika
import httpx
import pytest

from postbox.rabbitmq import Topology
from relay.options import Options
from relay.state import State
from tests.eventually import eventually
from tests.relay.harness import RelayHarness, taken


@pytest.mark.fault(17, "SIGTERM in the middle of publishing")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_drains_releases_and_exits_with_0(
    harness: RelayHarness, number: signal.Signals
) -> None:
    ids = await harness.add(3 * Options().window_messages_max)
    async with harness.program() as relay:

        async def is_publishing() -> bool:
            return bool((await harness.states()).get("published"))

        await eventually(is_publishing)
        asked_at_s = time.monotonic()
        relay.signal(number)
        assert await relay.ended() == 0
        assert time.monotonic() - asked_at_s < 10
    published = {row["_id"] async for row in harness.rows.find({"state": "published"})}
    assert published == set(await harness.pull()), (
        "what was sent is marked, and the other way round"
    )
    assert published < set(ids), "it was in the middle"
    assert await harness.behind_the_token() <= published
    async with harness.relaying() as next_relay:
        released_at_s = time.monotonic()

        async def leads() -> bool:
            return next_relay.state is not State.STANDBY

        await eventually(leads)
        assert time.monotonic() - released_at_s < 4, "the lease was free"
        await harness.delivered(ids)


async def test_it_can_be_stopped_at_any_moment(harness: RelayHarness) -> None:
    """Goal: no step of starting swallows the request to stop. Method: stop it ever a bit later."""
    await harness.add(10)
    for step in range(25):
        asked_at_s = time.monotonic()
        async with harness.relaying():
            await asyncio.sleep(step * 0.004)
        assert time.monotonic() - asked_at_s < 5


async def test_readyz_reports_the_state_and_metrics_what_it_did(harness: RelayHarness) -> None:
    async with harness.program() as relay, httpx.AsyncClient() as http:
        url = f"http://127.0.0.1:{relay.port}"

        async def is_ready() -> bool:
            try:
                return (await http.get(f"{url}/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(is_ready)
        await harness.delivered(await harness.add(3))
        checks = (await http.get(f"{url}/readyz")).json()["checks"]
        assert checks == {
            harness.name: "streaming",
            f"{harness.name}.database": "ok",
            f"{harness.name}.broker": "ok",
        }

        async def are_counted() -> bool:
            text = (await http.get(f"{url}/metrics")).text
            return all(
                any(line.startswith(f"{name}{{") for line in text.splitlines())
                for name in (
                    "postbox_relay_published_total",
                    "postbox_relay_publish_duration_seconds_count",
                    "postbox_relay_leader",
                    "postbox_relay_token_age_seconds",
                    "postbox_outbox_pending",
                    "postbox_outbox_oldest_pending_age_seconds",
                )
            )

        await eventually(are_counted)


async def test_it_starts_while_both_servers_are_unavailable(harness: RelayHarness) -> None:
    unavailable = {
        "RELAY_SOURCES": "shop=mongodb://127.0.0.1:1/shop",
        "RABBITMQ_URI": "amqp://127.0.0.1:1/",
    }
    async with harness.program(**unavailable) as relay, httpx.AsyncClient() as http:

        async def is_not_ready() -> bool:
            try:
                reply = await http.get(f"http://127.0.0.1:{relay.port}/readyz")
            except httpx.TransportError:
                return False
            return reply.status_code == 503 and "127.0.0.1:1" in reply.text

        await eventually(is_not_ready)
        relay.signal(signal.SIGTERM)
        assert await relay.ended(within_s=10) == 0


@pytest.mark.parametrize("variable", ["RELAY_SOURCES", "RABBITMQ_URI", "RELAY_SHARD", "LOG_LEVEL"])
async def test_it_says_in_one_line_which_variable_is_wrong(
    harness: RelayHarness, variable: str
) -> None:
    async with harness.program(**{variable: "nonsense"}) as relay:
        assert await relay.ended() == 1
        (line,) = relay.log.read_text().splitlines()
        assert line.startswith(f"relay: {variable}: ")


async def test_it_publishes_to_the_exchange_that_is_named(harness: RelayHarness) -> None:
    topology = Topology(exchange=f"{harness.name}.own", queues={f"{harness.name}.there": ["#"]})
    async with await aio_pika.connect(harness.rabbitmq.uri) as connection:
        channel = await connection.channel()
        await topology.declare(channel)
        ids = await harness.add(3)
        async with harness.program(RELAY_EXCHANGE=topology.exchange):
            await eventually(harness.is_all_published)
        queue = await channel.declare_queue(f"{harness.name}.there", passive=True)
        assert [message.message_id for message in await taken(queue)] == ids
        assert await harness.pull() == []
        for name in (*topology.queues, *topology.for_people):
            await channel.queue_delete(name)
        for name in (topology.exchange, topology.unrouted, topology.dead):
            await channel.exchange_delete(name)


async def test_a_port_that_is_taken_ends_it_with_a_clear_line(harness: RelayHarness) -> None:
    async with harness.program() as first:

        async def listens() -> bool:
            try:
                async with httpx.AsyncClient() as http:
                    return (await http.get(f"http://127.0.0.1:{first.port}/healthz")).is_success
            except httpx.TransportError:
                return False

        await eventually(listens)
        async with harness.program(RELAY_PORT=str(first.port)) as second:
            assert await second.ended() == 1
            assert str(first.port) in second.log.read_text()


async def test_a_database_that_refuses_the_relay_is_reported(harness: RelayHarness) -> None:
    """Goal: the log names the source and keeps the password; the other sources go on meanwhile."""
    host = harness.source.uri.removeprefix("mongodb://").partition("/")[0]
    refused = f"x=mongodb://nobody:wrong@{host}/x?authSource=admin"
    sources = f"{refused},{harness.name}={harness.source.uri}"
    async with harness.program(RELAY_SOURCES=sources) as relay:

        async def is_reported() -> bool:
            return "the database refuses the relay" in relay.log.read_text()

        await eventually(is_reported)
        await harness.delivered(await harness.add(3))
        text = relay.log.read_text()
        line = next(line for line in text.splitlines() if "refuses the relay" in line)
        assert json.loads(line)["source"] == "x"
        assert "Authentication failed" in line
        assert "wrong" not in text
