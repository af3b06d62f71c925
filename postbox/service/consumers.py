"""The consumers of a service: one a queue, with a batch handler or with handlers of one event."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from postbox.consumer import Consumer, ConsumerOptions, Consumption, T
from postbox.errors import DeclarationError
from postbox.inbox import Apply, EventHandlers, Handler, Inbox
from postbox.mongo import Database, DatabaseClock
from postbox.outbox import Outbox
from postbox.rabbitmq import Declare, Topology
from postbox.runtime import Health
from postbox.service.event_handlers import Registered, by_queue
from postbox.telemetry import metrics


class Consumers:
    """Makes them; each has an inbox of its own, to be prepared before it runs."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        *,
        uri: str,
        topology: Topology,
        clock: DatabaseClock,
        health: Health,
        declare: Declare,
        inbox_retention: timedelta | None,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._uri = uri
        self._topology = topology
        self._clock = clock
        self._health = health
        self._declare: Declare = declare
        self._inbox_retention = inbox_retention
        self._batch_queues: set[str] = set()
        self._inboxes: list[Inbox] = []
        self._registered: list[Registered] = []
        self._are_registered_open = False

    def register(self, one: Registered) -> None:
        """A handler of one event, whose queue is found at the start."""
        if self._are_registered_open:
            raise DeclarationError(f"{one.said}: the service has started without it")
        self._registered.append(one)

    def registered(self) -> Mapping[str, list[Registered]]:
        """The handlers of one event, by their queues. DeclarationError."""
        return by_queue(self._registered, self._topology, taken=self._batch_queues)

    def open_registered(self, options: ConsumerOptions) -> list[Consumer[object]]:
        """Consumers for the handlers that were registered; none at a second start."""
        if self._are_registered_open:
            return []
        by_queues = self.registered()
        self._are_registered_open = True
        return [self._open(queue, handlers, options) for queue, handlers in by_queues.items()]

    def open_batches(self, consumption: Consumption[T]) -> Consumer[T]:
        """A consumer of a queue whose handler takes batches."""
        self._batch_queues.add(consumption.queue)
        return self._consumer(consumption)

    def _open(
        self, queue: str, registered: Sequence[Registered], options: ConsumerOptions
    ) -> Consumer[object]:
        handlers = EventHandlers(queue, [one.handler for one in registered])
        return self._consumer(
            Consumption(
                queue=queue,
                decode=handlers.decode,
                apply=self.apply(queue, handlers),
                options=options,
                options_by_type={one.handler.type: one.retries.over(options) for one in registered},
            )
        )

    def apply(self, queue: str, handler: Handler[T]) -> Apply[T]:
        """`handler` with an inbox for `queue`."""
        inbox = Inbox(
            self._database, consumer=queue, clock=self._clock, retention=self._inbox_retention
        )
        self._inboxes.append(inbox)
        return Apply(self._database.client, inbox, self._outbox, handler)

    def _consumer(self, consumption: Consumption[T]) -> Consumer[T]:
        metrics.begin(consumption.queue)
        # The only one, as most are, is just "consumer" at `/readyz`.
        is_first = "consumer" not in self._health.report
        part = "consumer" if is_first else f"consumer {consumption.queue}"
        self._health.fail(part, "starting")
        return Consumer(
            consumption,
            uri=self._uri,
            topology=self._topology,
            clock=self._clock,
            health=self._health,
            declare=self._declare,
            part=part,
        )

    async def prepare(self) -> None:
        """Make what the inboxes need in the database."""
        for inbox in self._inboxes:
            await inbox.prepare()
