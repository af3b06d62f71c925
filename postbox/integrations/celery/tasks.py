"""Celery's tasks for events: each applies its event once in effect, and is tried until it has."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, TypeVar

from celery.exceptions import Reject
from pymongo.client_session import ClientSession
from pymongo.database import Database

from postbox.errors import InvalidMessage, SetAside
from postbox.events import Event, check_class, cloudevents, context_of_event, decode, type_of
from postbox.mongo import Document
from postbox.sync import Inbox, transaction
from postbox.telemetry import under

E = TypeVar("E")
EventHandler = Callable[[ClientSession, E], None]

RETRY_MAX_S: Final = 60
TRIED_UNTIL_DONE: Final[dict[str, Any]] = {
    "acks_late": True,
    "reject_on_worker_lost": True,
    "acks_on_failure_or_timeout": False,
    "autoretry_for": (Exception,),
    "dont_autoretry_for": (SetAside, Reject),
    "max_retries": None,
    "retry_backoff": True,
    "retry_backoff_max": RETRY_MAX_S,
}
"""Celery's own defaults acknowledge a task before it runs, and never run it again."""


class EventTasks:
    """The tasks of `app`, a `Celery`, that handle what comes from `queue` by the bridge.

    Around a handler is one transaction, in which the event's id is remembered under the queue's
    name. It may run several times for one commit, so it touches nothing but MongoDB, under its
    session; what it emits goes into a `postbox.sync.Outbox`.
    """

    def __init__(
        self,
        app: Any,
        database: Database[Document],
        *,
        queue: str,
        retention: timedelta | None = None,
    ) -> None:
        self.app: Any = app
        self.queue = queue
        self._client = database.client
        self._inbox = Inbox(database, consumer=queue, retention=retention)
        self._by_type: dict[str, type] = {}

    def prepare(self) -> None:
        """Make the inbox's collection and index, as the bridge does. SchemaMismatch."""
        self._inbox.prepare()

    def on(self, event: type[E], **options: Any) -> Callable[[EventHandler[E]], EventHandler[E]]:
        """Make a function the handler of `event`, by a task whose name is the event's type.

        It stays the function that it is. A task is tried again, at last every minute, until it
        commits; `options` are Celery's, as `queue=` or `max_retries=5`. One that has failed for
        good is rejected: it goes where its queue dead-letters, or nowhere.
        """
        check_class(event)
        type_ = type_of(event)

        def register(handler: EventHandler[E]) -> EventHandler[E]:
            def task(document: dict[str, Any]) -> str:
                return self._apply(document, event, handler)

            task.__doc__ = handler.__doc__
            self.app.task(name=type_, **{**TRIED_UNTIL_DONE, **options})(task)
            self._by_type[type_] = event
            return handler

        return register

    def check(self, event: Event) -> None:
        """InvalidMessage where no task can take `event`."""
        cls = self._by_type.get(event.type)
        if cls is None:
            raise InvalidMessage(f"{event.type}: {self.queue} has no task for it")
        try:
            decode(cls, event.data)
        except InvalidMessage as error:
            raise InvalidMessage(f"{event.type}: {error}") from error

    def send(self, event: Event) -> None:
        """Send the task of `event`, under its id. Confirmed on return, else the client's error."""
        trace = {"traceparent": event.traceparent, "tracestate": event.tracestate}
        document = trace | json.loads(cloudevents.encode(event))
        self.app.send_task(event.type, (document,), task_id=event.id, mandatory=True)

    def _apply(self, document: dict[str, Any], cls: type[E], handler: EventHandler[E]) -> str:
        """Handle the event of a task, unless that was done before; says which, for Celery's log."""
        event = cloudevents.decode(json.dumps(document).encode())
        fact = decode(cls, event.data)

        def body(session: ClientSession) -> str:
            if not self._inbox.first_time(session, event.id):
                return "duplicate"
            handler(session, fact)
            return "applied"

        with under(context_of_event(event)):
            return transaction(self._client, body)
