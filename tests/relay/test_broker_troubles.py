"""Whatever is wrong with the broker, the relay reports it, reads no further, and loses nothing."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import aio_pika
import pytest
from structlog.testing import capture_logs

from relay.options import Options
from relay.publish import sender
from relay.read.rows import READ_BATCH_ROWS
from relay.relay import Relay
from tests.eventually import eventually
from tests.relay.harness import PATIENCE_S, RelayHarness, taken

OPTIONS = Options(publish_deadline_s=1, window_messages_max=64)
ROWS = 3_000
READ_MAX = 1_000 + OPTIONS.window_messages_max + READ_BATCH_ROWS
"""In batches: one row alone, those that the window holds, and one that was asked for in vain."""
LONG_S = 3_600.0


@asynccontextmanager
async def killed(harness: RelayHarness) -> AsyncIterator[None]:
    await harness.register_queue()
    await harness.rabbitmq.kill()
    try:
        yield
    finally:
        await harness.rabbitmq.start()


@asynccontextmanager
async def frozen(harness: RelayHarness) -> AsyncIterator[None]:
    pid = harness.rabbitmq.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def confirming_nothing(harness: RelayHarness) -> AsyncIterator[None]:
    """The queue's own process stands still, while the broker answers everything else."""
    queue = f'list_to_atom("%2F_{harness.name}")'
    await harness.rabbitmq.ctl("eval", f"sys:suspend({queue}).")
    try:
        yield
    finally:
        await harness.rabbitmq.ctl("eval", f"sys:resume({queue}).")


@asynccontextmanager
async def alarmed(harness: RelayHarness) -> AsyncIterator[None]:
    await harness.rabbitmq.ctl("set_vm_memory_high_watermark", "absolute", "1MB")
    try:
        yield
    finally:
        await harness.rabbitmq.ctl("set_vm_memory_high_watermark", "absolute", "1GB")


@asynccontextmanager
async def full(harness: RelayHarness) -> AsyncIterator[None]:
    """The queue accepts one message; each one beyond that is nacked."""
    await harness.limit_queue(1)
    try:
        yield
    finally:
        await harness.limit_queue(10 * ROWS)


@dataclass(frozen=True)
class Trouble:
    """What happens to the broker, and a part of what /readyz and the log have to report."""

    happens: Callable[[RelayHarness], AbstractAsyncContextManager[None]]
    at_readyz: str
    in_the_log: str


TROUBLES = {
    "killed": Trouble(killed, "connecting to RabbitMQ", "the broker is unavailable"),
    "frozen": Trouble(frozen, "no confirm within 1 s", "the broker is unavailable"),
    "silent": Trouble(confirming_nothing, "no confirm within 1 s", "the broker is unavailable"),
    "alarmed": Trouble(alarmed, "blocks publishers", "the broker blocks publishers"),
    "full": Trouble(full, "rejects events: nacked", "the broker rejects events"),
}


async def reported(relay: Relay, what: str) -> None:
    """Wait until that is reported, and nothing else."""

    async def look() -> bool:
        (reason,) = relay.health.problems.values() or ("nothing is wrong",)
        assert what in reason, reason
        return True

    await eventually(look)


async def recovered(relay: Relay) -> None:
    async def look() -> bool:
        assert relay.health.problems == {}
        return True

    await eventually(look, limit_s=PATIENCE_S)


@pytest.mark.parametrize("name", TROUBLES)
async def test_it_is_reported_and_nothing_is_lost(harness: RelayHarness, name: str) -> None:
    """Goal: /readyz and a log line say what is wrong within ten seconds, the rows that wait stay
    where they are, and all arrive in the end. Method: far more of them than the window holds."""
    trouble = TROUBLES[name]
    ids: list[str] = []

    async def is_window_full() -> bool:
        return await harness.rows_read() >= OPTIONS.window_messages_max

    async def have_arrived() -> bool:  # a full queue looks at its length when it gets shorter
        return set(ids) <= set(await harness.pull())

    with capture_logs() as lines:
        async with harness.streaming(OPTIONS) as relay:
            ids += await harness.add(20)
            await harness.delivered(ids)
            async with trouble.happens(harness):
                ids += await harness.add(ROWS)
                await reported(relay, trouble.at_readyz)
                await eventually(is_window_full)
                assert await harness.rows_read() <= READ_MAX
                assert (await harness.states())["pending"] > ROWS - READ_MAX
            await eventually(have_arrived, limit_s=PATIENCE_S)
            await harness.delivered(ids)
            await recovered(relay)
    warnings = [line["event"] for line in lines if line["log_level"] == "warning"]
    assert any(trouble.in_the_log in warning for warning in warnings), warnings


async def test_an_alarm_in_the_middle_of_a_write_repeats_nothing(
    harness: RelayHarness,
) -> None:
    """Goal: what was written when the broker stopped reading does not count as overdue.
    Method: a window that no socket's buffer takes, and an alarm for longer than the deadline."""
    async with harness.streaming(Options(publish_deadline_s=1.0)) as relay:
        async with alarmed(harness):
            ids = await harness.add(300, data={"pad": "x" * 20_000})
            await reported(relay, "blocks publishers")
            await asyncio.sleep(2.0)
        await harness.delivered(ids)
        await recovered(relay)
    assert len(harness.arrived) == len(ids), "nothing was sent twice"


async def test_an_exchange_that_is_deleted_is_declared_again(harness: RelayHarness) -> None:
    """Goal: a missing exchange is reported, and events are kept once the exchange is back without
    its bindings. Method: delete it until the relay reports it."""
    ids = []
    with capture_logs() as lines:
        async with (
            harness.streaming() as relay,
            await aio_pika.connect(harness.rabbitmq.uri) as broker,
        ):
            channel = await broker.channel()

            async def is_missed() -> bool:
                await channel.exchange_delete("events")
                ids.extend(await harness.add(1))
                problems = relay.health.problems
                return "no exchange 'events'" in problems.get(f"{harness.name}.broker", "")

            await eventually(is_missed)
            await eventually(harness.is_all_published)
            await recovered(relay)
            unrouted = await channel.declare_queue("events.unrouted", passive=True)
            kept = {message.message_id for message in await taken(unrouted)}
    assert set(ids) <= kept | set(await harness.pull())
    reasons = [line["reason"] for line in lines if line["event"] == "the broker is unavailable"]
    assert any("no exchange 'events'" in reason for reason in reasons), reasons


async def test_a_returned_event_is_reported_and_has_the_exchange_declared_at_once(
    harness: RelayHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: it does not wait for the next periodic declaration. Method: there is none for an hour;
    the alternate's queue is deleted before an event that no other queue wants."""
    monkeypatch.setattr(sender, "DECLARE_EVERY_S", LONG_S)
    with capture_logs() as lines:
        async with (
            harness.streaming() as relay,
            await aio_pika.connect(harness.rabbitmq.uri) as broker,
        ):
            channel = await broker.channel()
            await channel.queue_delete("events.unrouted")
            await harness.add(1, type=f"unwanted.{harness.name}")
            await reported(relay, "rejects events: returned")
            await eventually(harness.is_all_published)
            await recovered(relay)
    (line,) = (line for line in lines if "rejects events" in line["event"])
    assert line["outcome"] == "returned"
