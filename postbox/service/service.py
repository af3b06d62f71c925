"""A service on postbox: its database, outbox, queues and handlers, wired and run together.

shop = Service("shop", mongo_uri=..., rabbitmq_uri=..., topology=TOPOLOGY)

@shop.on(OrderPlaced)
async def bill(session: Session, placed: OrderPlaced) -> OrderBilled: ...

async with shop.running(): ...  # inside another program
await shop.run(stop, host="127.0.0.1", port=8080, routes=[...])  # or a program of its own
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final, Self, TypeVar

from pymongo import ReadPreference, WriteConcern
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from postbox.consumer import DEFAULT_OPTIONS, Consumer, ConsumerOptions, Consumption, T
from postbox.errors import ConfigurationError
from postbox.events import Event
from postbox.inbox import Decided, EventHandler, EventHandlers, Handler, Reaction
from postbox.mongo import Client, Database, DatabaseClock, Session, connect, own_database, reopen
from postbox.outbox import Outbox
from postbox.rabbitmq import Declare, Topology
from postbox.runtime import Health, until_stopped
from postbox.service.consumers import Consumers
from postbox.service.edge import (
    LIMITS,
    HttpLimits,
    ProblemType,
    application,
    operational_routes,
    serve,
)
from postbox.service.event_handlers import Registered, Retries
from postbox.service.settings import ServiceSettings
from postbox.service.topology_keeper import TopologyKeeper
from postbox.service.work import Part, Prepare, Work
from postbox.telemetry import untraced
from postbox.telemetry.setup import inside_another_program

START_LIMIT_S: Final = 30.0
STOP_LIMIT_S: Final = 10.0
E = TypeVar("E")
R = TypeVar("R", bound=Reaction)


class Service:
    """Everything that a service has, made by its name; `run` or `running` keeps it going."""

    def __init__(
        self,
        name: str,
        *,
        topology: Topology,
        rabbitmq_uri: str,
        declare: Declare = "all",
        mongo_uri: str | None = None,
        client: Client | None = None,
        database: Database | None = None,
        source: str | None = None,
        options: ConsumerOptions = DEFAULT_OPTIONS,
        outbox_retention: timedelta | None = None,
        inbox_retention: timedelta | None = None,
    ) -> None:
        """Its database is the program's own `database`, or the one in the path of the URI: that of
        `mongo_uri`, or of the program's own `client`. What is the program's own is never closed.

        `source` is that of its events, in the sense of CloudEvents: `/services/<name>`. `options`
        are those of the queues that `on` consumes. `declare`: whether it declares the topology,
        checks it, or leaves it to others. How long rows are kept: None keeps what the
        database has, which is 7 and 30 days at first.
        """
        self.name = name
        self.database: Final = _database(name, mongo_uri, client, database)
        self.client: Final = self.database.client
        self.clock: Final = DatabaseClock(self.client)
        self.health: Final = Health("database", "broker", service=name)
        self.outbox: Final = Outbox(
            self.database,
            source=source or f"/services/{name}",
            clock=self.clock,
            retention=outbox_retention,
        )
        self._owns_client = mongo_uri is not None
        self._options = options
        self._keeper = TopologyKeeper(
            topology,
            uri=rabbitmq_uri,
            name=name,
            database=self.database,
            clock=self.clock,
            health=self.health,
            declare=declare,
        )
        self._consumers = Consumers(
            self.database,
            self.outbox,
            uri=rabbitmq_uri,
            topology=topology,
            clock=self.clock,
            health=self.health,
            declare=declare,
            inbox_retention=inbox_retention,
        )
        self._work = Work(
            self.database,
            clock=self.clock,
            health=self.health,
            outbox=self.outbox,
            consumers=self._consumers,
            keeper=self._keeper,
        )

    @classmethod
    def configured(cls, name: str, settings: ServiceSettings, *, topology: Topology) -> Self:
        """A service by the variables that every service has."""
        return cls(
            name,
            mongo_uri=settings.mongo_uri,
            rabbitmq_uri=str(settings.rabbitmq_uri),
            topology=topology,
            outbox_retention=timedelta(seconds=settings.outbox_retention_s),
            inbox_retention=timedelta(seconds=settings.inbox_retention_s),
        )

    def on(
        self,
        event: type[E],
        *,
        queue: str | None = None,
        tries: int | None = None,
        retry_min_s: float | None = None,
        retry_max_s: float | None = None,
    ) -> Callable[[Callable[[Session, E], R]], Callable[[Session, E], R]]:
        """Have `handler(session, event)` applied once in effect to each event of this class.

        The events that it returns or yields commit with the inbox row and with what it writes under
        `session`; it stays the function that it is. `queue` says which, where several bind the
        event. It is tried `tries` times, at first after up to `retry_min_s`, and up to
        `retry_max_s` apart; None: as the service's `options` say. DeclarationError for what is no
        handler; at the start, where its queue does not bind the event or has a handler for it.
        """
        retries = Retries(tries_max=tries, retry_min_s=retry_min_s, retry_max_s=retry_max_s)

        def register(handler: Callable[[Session, E], R]) -> Callable[[Session, E], R]:
            self._consumers.register(Registered(EventHandler(event, handler), queue, retries))
            return handler

        return register

    @property
    def handlers(self) -> Mapping[str, EventHandlers]:
        """The handlers of `on` by their queues. DeclarationError as at the start."""
        return {
            queue: EventHandlers(queue, [one.handler for one in registered])
            for queue, registered in self._consumers.registered().items()
        }

    def consume(
        self,
        queue: str,
        *,
        decode: Callable[[Event], T],
        handler: Handler[T],
        applied: Callable[[Sequence[Decided]], None] = lambda decisions: None,
        decision_attribute: str = "postbox.decision",
        options: ConsumerOptions = DEFAULT_OPTIONS,
    ) -> Consumer[T]:
        """Apply the events of `queue` once in effect with `handler`, batch by batch.

        `decode` makes of an event what the handler works with; it raises InvalidMessage for one
        that the contract does not allow. `applied(decisions)` is called after each commit, for
        metrics; `decision_attribute` is the attribute of spans that has the decision.
        """
        consumer = self._consumers.open_batches(
            Consumption(
                queue=queue,
                decode=decode,
                apply=self._consumers.apply(queue, handler),
                applied=applied,
                decision_attribute=decision_attribute,
                options=options,
            )
        )
        self._work.parts.append(consumer.run)
        return consumer

    def also(self, part: Part) -> None:
        """Run `part(stop)` beside the others, once the database is prepared."""
        self._work.parts.append(part)

    def require_ready(self) -> None:
        """TryAgain (503 at the HTTP edge) while an event that is emitted now might reach nobody."""
        self._keeper.require()

    def operations(self) -> Starlette:
        """`/healthz`, `/readyz` and `/metrics`, to be mounted in another program's application."""
        return application(operational_routes(self.health))

    async def run(
        self,
        stop: asyncio.Event,
        *,
        host: str,
        port: int,
        routes: Sequence[Route] = (),
        middleware: Sequence[Middleware] = (),
        problems: Sequence[ProblemType] = (),
        limits: HttpLimits = LIMITS,
        trusted_proxies: Sequence[str] = (),
        prepare: Prepare | None = None,
    ) -> None:
        """Serve, prepare the database (`prepare(database)` makes what is the service's), work.

        `problems` are the types of problems that are the service's own; only `trusted_proxies`
        (addresses, networks) may say in X-Forwarded-For where a request is from.

        The HTTP edge answers from the first moment, so that `/healthz` and `/readyz` are true while
        the database or the broker is unavailable; everything else starts as soon as it can.
        """
        self._open()
        app = application(
            [*operational_routes(self.health), *routes], middleware=middleware, problems=problems
        )
        serving = serve(app, port, stop, host=host, limits=limits, trusted_proxies=trusted_proxies)
        # Polls belong to no flow: only what begins or continues one, in its context, is traced.
        with untraced():
            working = asyncio.create_task(self._work.run(stop, prepare))
        try:
            await until_stopped(stop, serving, working)
        finally:
            await self._close()

    @asynccontextmanager
    async def running(
        self, *, prepare: Prepare | None = None, start_limit_s: float = START_LIMIT_S
    ) -> AsyncIterator[Self]:
        """Work for as long as the block runs, inside a program that has its own edge and signals.

        The block begins once the database is prepared and the queues were declared, so that what it
        emits reaches everybody; TryAgain where that takes longer than `start_limit_s`. At its end,
        what is under way is finished, within 10 s. Where the service cannot go on, the block is
        cancelled, and the reason raised. Logs, traces and metrics go where the program's own go.
        After it another may begin, on another event loop too.
        """
        inside_another_program(self.name)
        self._open()
        stop = asyncio.Event()
        error: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                with untraced():
                    working = group.create_task(self._work.run(stop, prepare))
                try:
                    await self._work.started(stop, limit_s=start_limit_s)
                    yield self
                finally:
                    stop.set()
                    await asyncio.wait((working,), timeout=STOP_LIMIT_S)
                    working.cancel()
        except BaseExceptionGroup as errors:
            error = errors.exceptions[0]
        finally:
            await self._close()
        if error is not None:
            raise error

    def _open(self) -> None:
        if self._owns_client:
            reopen(self.client)
        opened = self._consumers.open_registered(self._options)
        self._work.parts += [consumer.run for consumer in opened]

    async def _close(self) -> None:
        if self._owns_client:
            await self.client.close()


def _database(
    name: str, mongo_uri: str | None, client: Client | None, database: Database | None
) -> Database:
    """The one that is given. ConfigurationError unless it is given in just one way."""
    if mongo_uri is not None and client is None and database is None:
        return own_database(connect(mongo_uri, application=name))
    if mongo_uri is not None or (client is None and database is None):
        raise ConfigurationError(
            f"service {name}: give mongo_uri, or a client or database of yours"
        )
    if database is None:
        assert client is not None
        database = own_database(client)
    elif client is not None and database.client is not client:
        raise ConfigurationError(f"service {name}: the database is not of the client that is given")
    # Whatever the program's own client was told.
    return database.with_options(
        write_concern=WriteConcern("majority"), read_preference=ReadPreference.PRIMARY
    )
