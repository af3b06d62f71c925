"""Sends what waits in the window to the broker, over one connection after another.

A connection that breaks, or leaves a message unconfirmed past the deadline, is dropped; all that it
left unconfirmed is sent again on a new one. A message may arrive twice; none is lost.
"""

import asyncio
import random
import time
from contextlib import suppress
from typing import Final

from aio_pika.abc import AbstractChannel

from postbox.errors import BrokerUnavailable
from postbox.rabbitmq import (
    Outcome,
    Outgoing,
    Publisher,
    Topology,
    broker_errors,
    connected,
    raw_channel,
)
from postbox.runtime import crash_point, together
from relay import metrics
from relay.checkpoint import Term
from relay.context import SourceContext
from relay.errors import LeaseLost
from relay.publish.rejected_publishes import RejectedPublishes
from relay.publish.window import Window
from relay.state import Status

WRITE_MESSAGES_MAX: Final = 128
DECLARE_EVERY_S: Final = 5.0
DECLARE_TIMEOUT_S: Final = 3.0
WATCH_EVERY_S: Final = 0.5
BLOCKED_AFTER_S: Final = 0.1
RECONNECT_FIRST_S: Final = 0.1
RECONNECT_MAX_S: Final = 2.0
STABLE_AFTER_S: Final = 10.0
"""A connection that lasted so long was a good one: the delay starts over."""


class Sender:
    """Sends a window's messages, over one connection after another, while the lease is held."""

    def __init__(self, context: SourceContext, status: Status, term: Term, window: Window) -> None:
        self._uri = context.rabbitmq_uri
        self._window = window
        self._term = term
        self._status = status
        self._deadline_s = context.options.publish_deadline_s
        self._topology = Topology(exchange=context.exchange, queues={})
        self._declare = context.declare
        self._was_returned = asyncio.Event()
        self._rejected = RejectedPublishes(status)
        self._log = status.log

    async def run(self) -> None:
        """Connect, send, and connect again, forever. LeaseLost once the lease may have run out."""
        delay_s = RECONNECT_FIRST_S
        while True:
            started_at_s = time.monotonic()
            try:
                await self._use_one_connection()
            except BrokerUnavailable as error:
                requeued = self._window.requeue_in_flight()
                self._status.broker_failed(str(error))
                self._log.warning("the broker is unavailable", reason=str(error), requeued=requeued)
            if time.monotonic() - started_at_s > STABLE_AFTER_S:
                delay_s = RECONNECT_FIRST_S
            await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))
            delay_s = min(RECONNECT_MAX_S, delay_s * 2)

    async def _use_one_connection(self) -> None:
        """Send over one connection until it fails. BrokerUnavailable says how."""
        async with connected(self._uri, name=f"relay {self._status.name}") as connection:
            with broker_errors("opening a channel"):
                declaring = await connection.channel(publisher_confirms=False)
                await self._topology.ensure_exchange(declaring, self._declare)
                sending = await connection.channel(on_return_raises=True)
                publisher = Publisher(await raw_channel(sending))
            self._status.broker_ok()
            await together(
                self._send(publisher),
                self._enforce_deadline(publisher),
                self._keep_declared(publisher, declaring),
                _until_closed(publisher),
            )

    async def _send(self, publisher: Publisher) -> None:
        window, now_s = self._window, asyncio.get_running_loop().time
        is_current = True

        def settled(message: Outgoing, outcome: Outcome) -> None:
            if is_current:  # else it is already being sent again, on another channel
                self._settle(message, outcome)

        try:
            while True:
                await window.wait_sendable()
                await publisher.unblocked()
                if not self._term.is_held:
                    raise LeaseLost("the lease may have run out")
                batch = window.take(WRITE_MESSAGES_MAX, now_s())
                batch[-1].is_timed = True
                await publisher.send([entry.message for entry in batch if entry.message], settled)
                crash_point("relay.published")
        finally:
            is_current = False

    def _settle(self, message: Outgoing, outcome: Outcome) -> None:
        entry = self._window.settle(message.message_id, outcome)
        if entry.is_timed:
            took_s = asyncio.get_running_loop().time() - entry.sent_at_s
            metrics.publish_duration.record(took_s, self._status.labels)
            entry.is_timed = False
        if outcome is Outcome.CONFIRMED:
            if entry.span is not None:
                entry.span.end()
            return
        if outcome is Outcome.RETURNED:
            self._was_returned.set()
        if entry.span is not None:
            entry.span.add_event(f"message {outcome.value}", {"try": entry.attempts})
        self._rejected.report(message, outcome)

    async def _enforce_deadline(self, publisher: Publisher) -> None:
        """BrokerUnavailable past the deadline; time in which the broker blocks does not count."""
        now_s = asyncio.get_running_loop().time
        unblocked_at_s = now_s()
        is_blocked = False
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            was_blocked, is_blocked = is_blocked, await _is_blocked(publisher)
            if is_blocked:
                unblocked_at_s = now_s()
                self._status.broker_failed("it blocks publishers: out of memory or disk space")
                if not was_blocked:
                    self._log.warning("the broker blocks publishers: out of memory or disk space")
                continue
            if not self._window.has_rejected:
                self._status.broker_ok()
            sent_at_s = self._window.oldest_sent_at_s
            if sent_at_s and now_s() - max(sent_at_s, unblocked_at_s) > self._deadline_s:
                raise BrokerUnavailable(f"no confirm within {self._deadline_s} s")

    async def _keep_declared(self, publisher: Publisher, channel: AbstractChannel) -> None:
        """Declare the exchange periodically, and at once when a message was returned."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(DECLARE_EVERY_S):
                    await self._was_returned.wait()
            self._was_returned.clear()
            await publisher.unblocked()
            try:
                with broker_errors("declaring the exchange"):
                    async with asyncio.timeout(DECLARE_TIMEOUT_S):
                        await self._topology.ensure_exchange(channel, self._declare)
            except BrokerUnavailable as error:
                self._status.broker_failed(str(error))
                raise


async def _is_blocked(publisher: Publisher) -> bool:
    try:
        async with asyncio.timeout(BLOCKED_AFTER_S):
            await publisher.unblocked()
    except TimeoutError:
        return True
    return False


async def _until_closed(publisher: Publisher) -> None:
    raise BrokerUnavailable(await publisher.closed())
