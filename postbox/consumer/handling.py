"""What becomes of a batch: applied in one transaction, tried again one by one, or set aside.

A batch that fails for one message's sake is tried again one by one, so a poison message harms only
itself: it is tried a few times, then set aside. Nothing is acknowledged before it is settled.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final, Generic, TypeVar

import structlog

from postbox.consumer.consumption import Consumption
from postbox.consumer.dead_letters import DeadLetters
from postbox.consumer.delivery import Delivery
from postbox.consumer.outage import Outage, Requeued
from postbox.consumer.retries import Retries
from postbox.consumer.spans import ProcessSpans, about_delivery
from postbox.consumer.subscription import Subscription
from postbox.errors import (
    BrokerUnavailable,
    InvalidMessage,
    MalformedMessage,
    SetAside,
    TryAgain,
)
from postbox.events import Decoder, Event, Message, about, cloudevents, context_of_event
from postbox.telemetry import metrics

T = TypeVar("T")
log: Final = structlog.get_logger()


class Handling(Generic[T]):
    """Handles the batches of one queue. Several may be under way, no subject in two of them."""

    def __init__(
        self,
        consumption: Consumption[T],
        dead: DeadLetters,
        retries: Retries[T],
        outage: Outage,
        spans: ProcessSpans,
    ) -> None:
        self._queue = consumption.queue
        self._consumption = consumption
        self._options = consumption.options
        self._dead = dead
        self._retries = retries
        self._outage = outage
        self._spans = spans

    async def handle(
        self, batch: list[Delivery[T]], subscription: Subscription[T], stop: asyncio.Event
    ) -> None:
        """See each delivery of `batch` settled, or given another try later."""
        sound = [delivery for delivery in batch if delivery.verdict is None]
        if sound:
            try:
                await self._commit(sound, subscription, stop)
            except (Requeued, BrokerUnavailable):
                self._spans.given_back(sound)
                raise
            except Exception as error:  # noqa: BLE001 - the one boundary: a handler raises anything
                if len(sound) > 1:
                    for delivery in sound:
                        await self.handle([delivery], subscription, stop)
                else:
                    self._failed(sound[0], error)
            else:
                await subscription.settle(sound)
        for delivery in batch:
            if delivery.verdict is not None and delivery not in sound:
                await self._set_aside(delivery, subscription)

    def read(self, delivery: Delivery[T]) -> None:
        """Find what it carries, or that it is to be set aside."""
        decode = self._consumption.decode
        try:
            event = self._event(delivery, decode)
            try:
                fact = decode(event)
            except InvalidMessage as error:
                raise InvalidMessage(f"{event.type}: {error}") from error
            except SetAside:
                raise
            except Exception as error:
                # A decoder is pure: whatever it raises, trying again cannot help.
                raise InvalidMessage(f"{event.type}: {type(error).__name__}: {error}") from error
            delivery.message = Message(event, fact, context_of_event(event))
        except SetAside as error:
            delivery.verdict = (error.reason, str(error))

    def _event(self, delivery: Delivery[T], decode: Callable[[Event], T]) -> Event:
        content_type = delivery.properties.content_type
        if isinstance(decode, Decoder) and not cloudevents.is_declared(
            delivery.headers, content_type
        ):
            try:
                return decode.read(delivery.received)
            except SetAside:
                raise
            except Exception as error:
                raise MalformedMessage(f"{type(error).__name__}: {error}") from error
        return cloudevents.decode(delivery.body, delivery.headers, content_type)

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
                decisions = await self._consumption.apply(messages)
            except TryAgain as error:
                await self._outage.sit_out(error, subscription, stop)
            except Exception:  # the handler's; it shows that the database answers
                await self._outage.is_over(subscription)
                raise
            else:
                await self._outage.is_over(subscription)
                break
        outcomes = [decided.outcome for decided in decisions]
        self._spans.decided(deliveries, outcomes)
        metrics.processed(self._queue, outcomes, monotonic() - started)
        self._consumption.applied(decisions)
        debug = log.bind().debug
        for message, outcome in zip(messages, outcomes, strict=True):
            debug("applied", **about(message.event), decision=outcome)

    def _failed(self, delivery: Delivery[T], error: Exception) -> None:
        """A try failed for the message's own sake: another one later, or the dead queue."""
        assert delivery.message is not None
        options = self._consumption.options_for(delivery.message.event)
        delivery.failures += 1
        self._spans.failed(delivery, error)
        wait_s = 0.0
        if isinstance(error, SetAside):
            delivery.verdict = (error.reason, str(error))
        elif delivery.failures >= options.tries_max:
            delivery.verdict = ("handler_failed", f"{type(error).__name__}: {error}")
        else:
            ceiling_s = options.retry_min_s * 4 ** (delivery.failures - 1)
            wait_s = min(ceiling_s, options.retry_max_s) * random.uniform(0.5, 1.0)
        log.error(
            "a message failed",
            queue=self._queue,
            **about(delivery.message.event),
            tries=delivery.failures,
            tries_max=options.tries_max,
            exc_info=error,
        )
        self._retries.add(delivery, after_s=wait_s)

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
            self._retries.add(delivery, after_s=self._options.dead_letter_retry_s)
            return
        metrics.dead(self._queue, reason)
        self._spans.set_aside(delivery, reason, text)
        log.error(
            "set a message aside",
            queue=self._queue,
            **about_delivery(delivery),
            reason=reason,
            error=text,
        )
        await subscription.settle([delivery])
