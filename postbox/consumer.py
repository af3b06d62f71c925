"""The consumer: every event of a queue is applied once in effect, whatever crashes.

It takes what has arrived, applies it in one transaction, and only then acknowledges. A batch that
fails for one message's sake is tried again one by one, so a poison message harms only itself: it is
tried a few times, then set aside. While the database is away, nothing is lost, nothing is counted
against any message, and consuming pauses. What is not acknowledged at the end goes back.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

import structlog
from aio_pika.abc import AbstractConnection

from postbox import cloudevents, instruments
from postbox.apply import Apply, Decided
from postbox.broker import broker_errors, connected, raw_channel
from postbox.clock import DatabaseClock
from postbox.deadletter import DeadLetters
from postbox.delivery import Delivery, Message
from postbox.errors import (
    BrokerUnavailable,
    InvalidMessage,
    SetAside,
    TopologyMismatch,
    TryAgain,
)
from postbox.event import Event
from postbox.health import Health
from postbox.program import pause
from postbox.spans import ProcessSpans, about_delivery
from postbox.subscription import Subscription
from postbox.topology import Topology
from postbox.tracing import about, context_of_event

T = TypeVar("T")
log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class ConsumerOptions:
    """The consumer's bounds."""

    batch_max: int = 64
    prefetch: int = 256
    linger_s: float = 0.010  # after a small batch, while busy: fuller batches cost less each
    small_batch: int = 16
    busy_s: float = 0.100
    tries_max: int = 5
    retry_min_s: float = 0.050
    retry_max_s: float = 2.0
    database_retry_s: float = 0.2
    reconnect_max_s: float = 2.0
    dead_letter_retry_s: float = 1.0
    touch_every_s: float = 4.0


DEFAULT_OPTIONS = ConsumerOptions()


class _GivenBack(Exception):
    """The batch was not done; the broker gets it back because the channel closes."""


class Consumer(Generic[T]):
    """Consumes `queue`; `decode` makes the fact of an event, `apply` applies a batch of them."""

    def __init__(
        self,
        *,
        queue: str,
        uri: str,
        topology: Topology,
        clock: DatabaseClock,
        decode: Callable[[Event], T],
        apply: Apply[T],
        health: Health,
        applied: Callable[[Sequence[Decided]], None] = lambda decisions: None,
        decision_attribute: str = "postbox.decision",
        options: ConsumerOptions = DEFAULT_OPTIONS,
    ) -> None:
        self._queue = queue
        self._uri = uri
        self._topology = topology
        self._clock = clock
        self._decode = decode
        self._apply = apply
        self._health = health
        self._applied = applied
        self._spans = ProcessSpans(queue, decision_attribute)
        self._options = options
        self._dead = DeadLetters(uri, topology, name=queue)
        self._retries: list[tuple[float, Delivery[T]]] = []
        self._subscription: Subscription[T] | None = None
        self._last_batch = (0, 0.0)  # its size, and when it was done

    @property
    def is_caught_up(self) -> bool:
        """Whether the backlog that stood in the queue at the last (re)start has been worked off."""
        return self._subscription is not None and self._subscription.is_caught_up

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set; reconnects for as long as it takes."""
        failures = 0
        try:
            while not stop.is_set():
                try:
                    async with connected(self._uri, name=self._queue) as connection:
                        failures = 0
                        await self._live(connection, stop)
                except (BrokerUnavailable, TopologyMismatch) as error:
                    failures += 1
                    self._health.fail("consumer", str(error))
                    log.warning("not consuming", queue=self._queue, reason=str(error))
                finally:
                    self._subscription = None
                    self._spans.given_back(delivery for _, delivery in self._retries)
                    self._retries.clear()
                if not stop.is_set():
                    ceiling = min(0.1 * 2**failures, self._options.reconnect_max_s)
                    await pause(stop, random.uniform(0.05, ceiling))
        finally:
            await self._dead.close()

    async def _live(self, connection: AbstractConnection, stop: asyncio.Event) -> None:
        with broker_errors(f"opening a channel for {self._queue}"):
            channel = await connection.channel(publisher_confirms=False)
            await self._topology.declare(channel)
            raw = await raw_channel(channel)
        subscription: Subscription[T] = Subscription(
            raw, self._queue, prefetch=self._options.prefetch
        )
        self._subscription = subscription
        watch = asyncio.create_task(_wake_at(stop, subscription))
        touch = asyncio.create_task(self._keep_in_touch(subscription))
        try:
            await self._until_database_answers(subscription, stop)
            while not stop.is_set() and not subscription.is_over:
                batch = await self._next_batch(subscription, stop)
                if batch:
                    await self._handle(batch, subscription, stop)
        except _GivenBack:
            pass
        finally:
            watch.cancel()
            touch.cancel()
        if not stop.is_set():
            raise BrokerUnavailable(f"lost the channel of {self._queue}")

    async def _keep_in_touch(self, subscription: Subscription[T]) -> None:
        """Notice a broker that is out of reach although no connection broke."""
        try:
            while True:
                await asyncio.sleep(self._options.touch_every_s)
                await subscription.touch()
        except BrokerUnavailable as error:
            self._health.fail("consumer", str(error))
            subscription.give_up()

    async def _next_batch(
        self, subscription: Subscription[T], stop: asyncio.Event
    ) -> list[Delivery[T]]:
        """What to do next: a delivery whose next try is due, or what has arrived, up to a bound."""
        options = self._options
        while not stop.is_set() and not subscription.is_over:
            due = self._due()
            if due is not None:
                return [due]
            if subscription.waiting:
                size, at = self._last_batch
                small = subscription.waiting < options.small_batch and size < options.small_batch
                if small and monotonic() - at < options.busy_s:
                    await asyncio.sleep(options.linger_s)
                return subscription.take(options.batch_max)
            subscription.wake.clear()
            if stop.is_set() or subscription.is_over:
                break
            await _wait(subscription.wake, self._seconds_to_next_retry())
        return []

    async def _handle(
        self, batch: list[Delivery[T]], subscription: Subscription[T], stop: asyncio.Event
    ) -> None:
        """See each delivery of `batch` settled, or given another try later."""
        for delivery in batch:
            if delivery.message is None and delivery.verdict is None:
                self._read(delivery)
        sound = [delivery for delivery in batch if delivery.verdict is None]
        if sound:
            try:
                await self._commit(sound, subscription, stop)
            except (_GivenBack, BrokerUnavailable):
                self._spans.given_back(sound)
                raise
            except Exception as error:  # noqa: BLE001 - the one boundary: a handler raises anything
                if len(sound) > 1:
                    for delivery in sound:
                        await self._handle([delivery], subscription, stop)
                else:
                    self._failed(sound[0], error)
            else:
                await subscription.settle(sound)
        for delivery in batch:
            if delivery.verdict is not None and delivery not in sound:
                await self._set_aside(delivery, subscription)
        self._last_batch = (len(batch), monotonic())

    def _read(self, delivery: Delivery[T]) -> None:
        try:
            event = cloudevents.decode(delivery.body, delivery.headers)
            try:
                fact = self._decode(event)
            except Exception as error:
                # A decoder is pure: whatever it raises, trying again cannot help.
                raise InvalidMessage(f"{event.type}: {type(error).__name__}: {error}") from error
            delivery.message = Message(event, fact, context_of_event(event))
        except SetAside as error:
            delivery.verdict = (error.reason, str(error))

    async def _commit(
        self,
        deliveries: Sequence[Delivery[T]],
        subscription: Subscription[T],
        stop: asyncio.Event,
    ) -> None:
        self._spans.open(deliveries)
        messages = [delivery.message for delivery in deliveries if delivery.message is not None]
        started = monotonic()
        while True:
            try:
                decisions = await self._apply(messages)
                break
            except TryAgain as error:
                await self._pause_for_database(error, subscription, stop)
        outcomes = [decided.outcome for decided in decisions]
        self._spans.decided(deliveries, outcomes)
        instruments.processed(self._queue, outcomes, monotonic() - started)
        self._applied(decisions)
        for message, outcome in zip(messages, outcomes, strict=True):
            log.debug(
                "applied",
                **about(message.event),
                decision=outcome,
            )

    def _failed(self, delivery: Delivery[T], error: Exception) -> None:
        """A try failed for the message's own sake: another one later, or the dead queue."""
        assert delivery.message is not None
        delivery.failures += 1
        self._spans.failed(delivery, error)
        wait_s = 0.0
        if isinstance(error, SetAside):
            delivery.verdict = (error.reason, str(error))
        elif delivery.failures >= self._options.tries_max:
            delivery.verdict = ("handler_failed", f"{type(error).__name__}: {error}")
        else:
            ceiling = self._options.retry_min_s * 4 ** (delivery.failures - 1)
            wait_s = min(ceiling, self._options.retry_max_s) * random.uniform(0.5, 1.0)
        log.error(
            "a message failed",
            queue=self._queue,
            **about(delivery.message.event),
            tries=delivery.failures,
            tries_max=self._options.tries_max,
            exc_info=error,
        )
        self._retries.append((monotonic() + wait_s, delivery))

    async def _set_aside(self, delivery: Delivery[T], subscription: Subscription[T]) -> None:
        """To the dead queue, confirmed, and only then acknowledged; tried again until it is."""
        assert delivery.verdict is not None
        reason, text = delivery.verdict
        try:
            await self._dead.set_aside(delivery, queue=self._queue, reason=reason, text=text)
        except BrokerUnavailable as error:
            log.warning(
                "a dead letter waits",
                queue=self._queue,
                **about_delivery(delivery),
                reason=str(error),
            )
            due = monotonic() + self._options.dead_letter_retry_s
            self._retries.append((due, delivery))
            return
        instruments.dead(self._queue, reason)
        self._spans.set_aside(delivery, reason, text)
        log.error(
            "set a message aside",
            queue=self._queue,
            **about_delivery(delivery),
            reason=reason,
            error=text,
        )
        await subscription.settle([delivery])

    async def _pause_for_database(
        self, error: TryAgain, subscription: Subscription[T], stop: asyncio.Event
    ) -> None:
        """Hold everything until the database answers again, or give all back."""
        self._health.fail("consumer", f"the database is away: {error}")
        log.warning("the database is away, consuming is paused", reason=str(error))
        await subscription.hold()
        # It may answer a ping and yet refuse to commit: never try again at once.
        if await pause(stop, random.uniform(0.5, 1.0) * self._options.database_retry_s):
            raise _GivenBack
        await self._until_database_answers(subscription, stop)

    async def _until_database_answers(
        self, subscription: Subscription[T], stop: asyncio.Event
    ) -> None:
        while not await self._clock.answers():
            self._health.fail("consumer", "the database is away")
            if await pause(stop, self._options.database_retry_s) or subscription.is_over:
                raise _GivenBack
        await subscription.resume()
        self._health.ok("consumer")

    def _due(self) -> Delivery[T] | None:
        now = monotonic()
        for index, (at, delivery) in enumerate(self._retries):
            if at <= now:
                del self._retries[index]
                return delivery
        return None

    def _seconds_to_next_retry(self) -> float | None:
        if not self._retries:
            return None
        return max(0.0, min(at for at, _ in self._retries) - monotonic())


async def _wait(event: asyncio.Event, seconds: float | None) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


async def _wake_at(stop: asyncio.Event, subscription: Subscription[T]) -> None:
    await stop.wait()
    subscription.wake.set()
