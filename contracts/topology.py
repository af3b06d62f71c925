"""Who hears what: the whole table of queues and the event types bound to each.

Every service declares all of it, not only its own part: a broker's confirm says that *some* queue
took a message, so with one binding of two missing the other consumer would lose it in silence.
"""

from collections.abc import Mapping
from typing import Final

EXCHANGE: Final = "events"

QUEUES: Final[Mapping[str, tuple[str, ...]]] = {
    "booking.events": (
        "booking.intent.created",
        "booking.cancel.requested",
        "booking.user.forgotten",
        "payment.captured",
        "payment.failed",
        "payment.refunded",
        "payment.refund.pending",
        "payment.charged_back",
    ),
    "payment.events": (
        "payment.requested",
        "booking.user.forgotten",
        "booking.confirmed",
        "booking.failed",
        "booking.cancelled",
        "booking.payment.rejected",
    ),
    "gateway.events": (
        "booking.intent.created",
        "booking.cancel.requested",
        "booking.user.forgotten",
        "payment.requested",
        "payment.captured",
        "payment.failed",
        "booking.confirmed",
        "booking.failed",
        "booking.cancelled",
        "booking.payment.rejected",
        "payment.refunded",
        "payment.refund.pending",
        "payment.refund.failed",
        "payment.refund.stuck",
        "payment.disputed",
        "payment.dispute.closed",
        "payment.charged_back",
    ),
}
