"""The way to the broker: sends what waits in the window, for as long as a connection lives.

A connection that breaks, or leaves a message unconfirmed past the deadline, is dropped; all that it
left unconfirmed is sent again on a new one. A message may arrive twice, but never not at all.
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
from relay.errors import LeaseLost
from relay.publish.rejected_publishes import RejectedPublishes
from relay.publish.window import Window
from relay.state import Status

WRITE_MESSAGES_MAX: Final = 128
DECLARE_EVERY_S: Final = 5.0
ANSWER_LIMIT_S: Final = 3.0
WATCH_EVERY_S: Final = 0.5
BLOCKED_AFTER_S: Final = 0.1
RECONNECT_FIRST_S: Final = 0.1
RECONNECT_MAX_S: Final = 2.0
STABLE_AFTER_S: Final = 10.0
"""A connection that lived so long was a good one: the next try comes soon."""


class Sender:
    """Sends a window's messages, over one connection after another, while the lease is held."""

    def __init__(
        self,
        rabbitmq_uri: str,
        window: Window,
        term: Term,
        status: Status,
        *,
        exchange: str,
        deadline_s: float,
    ) -> None:
        self._uri = rabbitmq_uri
        self._window = window
        self._term = term
        self._status = status
        self._deadline_s = deadline_s
        self._topology = Topology(exchange=exchange, queues={})
        self._torn = asyncio.Event()
        self._rejected = RejectedPublishes(status)
        self._log = status.log

    async def run(self) -> None:
        """Connect, send, and connect again, forever. LeaseLost once the lease may have run out."""
        delay_s = RECONNECT_FIRST_S
        while True:
            began_s = time.monotonic()
            try:
                await self._one_connection()
            except BrokerUnavailable as error:
                again = self._window.rewind()
                self._status.broker_failed(str(error))
                self._log.warning(
                    "the broker is unavailable", reason=str(error), to_send_again=again
                )
            if time.monotonic() - began_s > STABLE_AFTER_S:
                delay_s = RECONNECT_FIRST_S
            await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))
            delay_s = min(RECONNECT_MAX_S, delay_s * 2)

    async def _one_connection(self) -> None:
        """Work on one connection until it fails. BrokerUnavailable says how."""
        async with connected(self._uri, name=f"relay {self._status.name}") as connection:
            with broker_errors("opening a channel"):
                declaring = await connection.channel(publisher_confirms=False)
                await self._topology.declare_exchange(declaring)
                sending = await connection.channel(on_return_raises=True)
                publisher = Publisher(await raw_channel(sending))
            self._status.broker_ok()
            await together(
                self._send(publisher),
                self._watch(publisher),
                self._keep_declared(publisher, declaring),
                _until_closed(publisher),
            )

    async def _send(self, publisher: Publisher) -> None:
        window, now_s = self._window, asyncio.get_running_loop().time
        is_current = True

        def settled(message: Outgoing, outcome: Outcome) -> None:
            if is_current:  # else: it was sent again already, on another channel
                self._settle(message, outcome)

        try:
            while True:
                await window.sendable()
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
            self._torn.set()
        if entry.span is not None:
            entry.span.add_event(f"message {outcome.value}", {"try": entry.tries})
        self._rejected.report(message, outcome)

    async def _watch(self, publisher: Publisher) -> None:
        """BrokerUnavailable past the deadline; while the broker blocks, that clock stands still."""
        now_s = asyncio.get_running_loop().time
        clear_since_s = now_s()
        is_blocked = False
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            was_blocked, is_blocked = is_blocked, await _is_blocked(publisher)
            if is_blocked:
                clear_since_s = now_s()
                self._status.broker_failed("it blocks publishers: out of memory or disk space")
                if not was_blocked:
                    self._log.warning("the broker blocks publishers: out of memory or disk space")
                continue
            if not self._window.is_refused:
                self._status.broker_ok()
            sent_at_s = self._window.oldest_sent_at_s
            if sent_at_s and now_s() - max(sent_at_s, clear_since_s) > self._deadline_s:
                raise BrokerUnavailable(f"no confirm within {self._deadline_s} s")

    async def _keep_declared(self, publisher: Publisher, channel: AbstractChannel) -> None:
        """Declare the exchange again now and then, and at once when a message was returned."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(DECLARE_EVERY_S):
                    await self._torn.wait()
            self._torn.clear()
            await publisher.unblocked()
            try:
                with broker_errors("declaring the exchange"):
                    async with asyncio.timeout(ANSWER_LIMIT_S):
                        await self._topology.declare_exchange(channel)
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
