"""One channel's worth of consuming: what has arrived, what is unsettled, and when it is over.

When the channel closes, everything here is void: delivery tags mean nothing on another channel, and
the broker delivers again whatever was not acknowledged.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from aiormq.abc import AbstractChannel as RawChannel
from aiormq.abc import DeliveredMessage
from pamqp import commands

from postbox.consumer.delivery import Delivery
from postbox.consumer.unsettled import Unsettled
from postbox.errors import BrokerUnavailable
from postbox.rabbitmq import broker_errors

T = TypeVar("T")
RPC_TIMEOUT_S = 10.0
TOUCH_TIMEOUT_S = 3.0
SETTLE_TIMEOUT_S = 3.0
IDLE_LOOKS_MAX = 2
"""A subscription that was idle for so many looks in a row is to be renewed."""


class Subscription(Generic[T]):
    """Consumes `queue` on `channel`; at most `prefetch` deliveries are unsettled at a time."""

    def __init__(self, channel: RawChannel, queue: str, *, prefetch: int) -> None:
        self._channel = channel
        self._queue = queue
        self._prefetch = prefetch
        self._tag: str | None = None
        self._changing = asyncio.Lock()  # several lanes may pause and resume it
        self._arrived: deque[Delivery[T]] = deque()
        self._backlog_left = 0
        self.unsettled: Final = Unsettled(channel)
        self.wake: Final = asyncio.Event()
        self.ending: str | None = None
        self.is_stale: bool = False
        self._has_heard = False  # since the last look
        self._idle_looks = 0
        channel.on_consumer_cancel_callbacks.add(self._on_cancel)
        channel.closing.add_done_callback(lambda _: self.wake.set())

    @property
    def is_over(self) -> bool:
        """The channel is closed, the broker cancelled us, or another subscription is due."""
        return bool(self._channel.is_closed) or self.is_stale or self.ending is not None

    @property
    def is_caught_up(self) -> bool:
        """Everything that was in the queue when we came (back) to it has been settled."""
        return self._tag is not None and self._backlog_left <= 0

    async def resume(self) -> None:
        """Start, or start again, to take deliveries."""
        async with self._changing:
            if self._tag is None:
                await self._start()

    async def _start(self) -> None:
        with broker_errors(f"consuming {self._queue}"):
            await self._channel.basic_qos(prefetch_count=self._prefetch, timeout=RPC_TIMEOUT_S)
            declared = await self._channel.queue_declare(
                self._queue, passive=True, timeout=RPC_TIMEOUT_S
            )
            self._backlog_left = (declared.message_count or 0) + len(self.unsettled)
            consuming = await self._channel.basic_consume(
                self._queue, self._on_message, timeout=RPC_TIMEOUT_S
            )
        self._tag = consuming.consumer_tag
        self._idle_looks = 0

    async def hold(self) -> None:
        """Take no more deliveries for now; keep what has arrived, so that none is counted again."""
        async with self._changing:
            if self._tag is None:
                return
            with broker_errors(f"pausing {self._queue}"):
                await self._channel.basic_cancel(self._tag, timeout=RPC_TIMEOUT_S)
            self._tag = None

    async def touch(self) -> None:
        """BrokerUnavailable where the broker does not answer here, or the queue is not ours now.

        A queue that is deleted and declared again at once has forgotten its consumers, and RabbitMQ
        3.10 does not notify them; it may even count them as its own, and send nothing. No request
        finds that out, so a subscription that heard nothing for a while goes stale.
        """
        with broker_errors(f"asking after {self._queue}"):
            queue = await self._channel.queue_declare(
                self._queue, passive=True, timeout=TOUCH_TIMEOUT_S
            )
        is_idle = self._tag is not None and not self._has_heard and not len(self.unsettled)
        self._idle_looks = self._idle_looks + 1 if is_idle else 0
        self._has_heard = False
        if self._idle_looks < IDLE_LOOKS_MAX:
            return
        if not queue.consumer_count:
            raise BrokerUnavailable(f"{self._queue} does not know its consumer any more")
        self.is_stale = True
        self.wake.set()

    def give_up(self, reason: str) -> None:
        """It is over, although the channel does not know it yet."""
        self.ending = reason
        self.wake.set()

    def take(self, most: int, is_free: Callable[[Delivery[T]], bool]) -> list[Delivery[T]]:
        """Up to `most` free deliveries that have arrived, oldest first; the others stay."""
        taken: list[Delivery[T]] = []
        passed: list[Delivery[T]] = []
        while self._arrived and len(taken) < most:
            delivery = self._arrived.popleft()
            (taken if is_free(delivery) else passed).append(delivery)
        self._arrived.extendleft(reversed(passed))
        return taken

    async def settle(self, deliveries: list[Delivery[T]]) -> None:
        """Acknowledge: what they ask for is done, or they lie in the dead queue."""
        with broker_errors(f"acknowledging on {self._queue}"):
            # A connection that ends takes nothing from its queue of writes any more, and
            # notifies nobody who waits for room in it.
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                await self.unsettled.settle([delivery.tag for delivery in deliveries])
        self._backlog_left -= len(deliveries)

    async def _on_message(self, delivered: DeliveredMessage) -> None:
        delivery: Delivery[T] = Delivery.of(delivered)
        self.unsettled.add(delivery.tag)
        self._arrived.append(delivery)
        self._has_heard = True
        self.wake.set()

    def _on_cancel(self, frame: commands.Basic.Cancel) -> None:
        self.give_up(f"lost the channel of {self._queue}: the broker cancelled its consumer")
