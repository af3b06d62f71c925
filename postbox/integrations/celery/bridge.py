"""The bridge from a queue of events to Celery's: an event is acknowledged once its task is safe."""

import logging
import signal
import time
from typing import Any, Final

from amqp.exceptions import MessageNacked
from kombu import Connection, Queue
from kombu.exceptions import OperationalError
from kombu.mixins import ConsumerMixin

from postbox.errors import ConfigurationError, SetAside
from postbox.events import Event, cloudevents
from postbox.integrations.celery.tasks import EventTasks
from postbox.runtime import crash_point

PREFETCH: Final = 100
SEND_AGAIN_S: Final = 1.0
_REFUSALS: Final[tuple[type[Exception], ...]] = (
    OperationalError,
    MessageNacked,
    ConnectionError,
    TimeoutError,
)
_log = logging.getLogger(__name__)


class Bridge:
    """Consumes the queue of `events` at the broker `uri`, and sends a task for each event.

    What no task can take is rejected, with its reason in the log: it goes where the queue
    dead-letters. While Celery's broker is unavailable, the event is held. At `uri` it needs to read
    the one queue, which it does not declare.
    """

    def __init__(self, events: EventTasks, *, uri: str) -> None:
        options = events.app.conf.broker_transport_options or {}
        if not options.get("confirm_publish"):
            raise ConfigurationError(
                "broker_transport_options: set confirm_publish, or tasks can be lost unseen"
            )
        self._events = events
        self._uri = uri

    def run(self) -> None:
        """Until SIGTERM or SIGINT; connects again for as long as it takes."""
        self._events.prepare()
        consumption = _Consumption(self._events, Connection(self._uri))
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, consumption.ask_to_stop)
        consumption.run()


class _Consumption(ConsumerMixin):  # type: ignore[misc]  # kombu has no types
    """kombu's loop, over one connection after another."""

    def __init__(self, events: EventTasks, connection: Connection) -> None:
        self.connection = connection
        self._events = events

    def ask_to_stop(self, *_: object) -> None:
        self.should_stop = True

    def get_consumers(self, consumer: Any, channel: object) -> list[Any]:
        """What kombu asks of its mixin."""
        queue = Queue(self._events.queue, no_declare=True)
        return [consumer([queue], on_message=self._forward, prefetch_count=PREFETCH)]

    def _forward(self, message: Any) -> None:
        try:
            event = cloudevents.decode(message.body, message.headers, message.content_type)
            self._events.check(event)
        except SetAside as error:
            _log.error("rejected a message of %s, %s: %s", self._events.queue, error.reason, error)
            message.reject()
            return
        if self._is_sent(event):
            crash_point("bridge.sent")
            message.ack()

    def _is_sent(self, event: Event) -> bool:
        """Send until it is confirmed. False where the bridge is to stop before."""
        while not self.should_stop:
            try:
                self._events.send(event)
            except _REFUSALS as error:
                _log.warning("Celery's broker did not take %s: %r", event.id, error)
                time.sleep(SEND_AGAIN_S)
            else:
                return True
        return False
