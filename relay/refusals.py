"""What the broker refuses is told of: at once at /readyz, and now and then in the log."""

import time
from typing import Final

import structlog

from postbox.publisher import Outcome, Outgoing
from relay.state import Status

TELL_EVERY_S: Final = 10.0


class Refusals:
    """Of one term; a full queue refuses thousands of messages a second."""

    def __init__(self, source: str, status: Status) -> None:
        self._status = status
        self._count = 0
        self._tell_at_s = 0.0
        self._log = structlog.get_logger("relay").bind(source=source)

    def tell(self, message: Outgoing, outcome: Outcome) -> None:
        self._count += 1
        self._status.broker_failed(f"it refuses events: {outcome.value}")
        if time.monotonic() < self._tell_at_s:
            return
        self._tell_at_s = time.monotonic() + TELL_EVERY_S
        self._log.warning(
            "the broker refuses events; they will be sent again until it takes them",
            event_id=message.message_id,
            type=message.routing_key,
            outcome=outcome.value,
            refusals=self._count,
        )
