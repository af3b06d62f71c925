"""Rejected publishes are reported: at once at /readyz, and every ten seconds in the log."""

import time
from typing import Final

from postbox.rabbitmq import Outcome, Outgoing
from relay.state import Status

REPORT_EVERY_S: Final = 10.0


class RejectedPublishes:
    """Logs at most every ten seconds: a full queue rejects thousands of messages in one."""

    def __init__(self, status: Status) -> None:
        self._status = status
        self._count = 0
        self._report_at_s = 0.0

    def report(self, message: Outgoing, outcome: Outcome) -> None:
        self._count += 1
        self._status.broker_failed(f"it rejects events: {outcome.value}")
        if time.monotonic() < self._report_at_s:
            return
        self._report_at_s = time.monotonic() + REPORT_EVERY_S
        self._status.log.warning(
            "the broker rejects events; they are retried until it accepts them",
            event_id=message.message_id,
            type=message.routing_key,
            outcome=outcome.value,
            rejections=self._count,
        )
