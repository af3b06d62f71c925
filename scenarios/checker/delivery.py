"""I1, I2, I7, I8: every event once to everyone, none left behind, and only poison set aside."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from contracts.topology import QUEUES
from scenarios.checker.snapshot import UNROUTED, OutboxRow, Snapshot

# What happens at most once, and to what: to an intent, a payment, or a refund or dispute of one.
ONCE_AN_INTENT: Final = frozenset(
    {
        "booking.intent.created",
        "booking.cancel.requested",
        "payment.requested",
        "payment.failed",
        "booking.confirmed",
        "booking.failed",
        "booking.cancelled",
    }
)
ONCE_A_PAYMENT: Final = frozenset(
    {
        "payment.captured",
        "payment.refund.stuck",
        "booking.payment.rejected",
    }
)
ONCE_A_MOVE: Final = frozenset(
    {
        "payment.refunded",
        "payment.refund.pending",
        "payment.refund.failed",
        "payment.disputed",
        "payment.dispute.closed",
        "payment.charged_back",
    }
)
OURS: Final = "refund:"
"""What the idempotency keys of the payment service's refunds begin with."""
BOUND: Final[Mapping[str, tuple[str, ...]]] = {
    event_type: tuple(queue for queue, types in QUEUES.items() if event_type in types)
    for types in QUEUES.values()
    for event_type in types
}


def every_event_reached_every_consumer(snapshot: Snapshot) -> Iterator[str]:
    """I1. Each row that is published has an inbox row in each service whose queue wants it."""
    for row in snapshot.outbox:
        if row.state == "parked":
            yield f"{_name(row)} is parked"
        elif row.state == "published" and row.id not in snapshot.injected_poison:
            for queue in BOUND[row.type]:
                if f"{queue}/{row.id}" not in snapshot.inbox:
                    yield f"{_name(row)} was published, but {queue} never applied it"
    if snapshot.is_whole:
        for queue in (*QUEUES, UNROUTED):
            if count := snapshot.waiting[queue]:
                yield f"{queue} still holds {count} messages"


def each_effect_once(snapshot: Snapshot) -> Iterator[str]:
    """I2. No event that happens once was emitted twice, and no money went back twice."""
    emitted = Counter((row.type, _subject(row)) for row in snapshot.outbox)
    for (event_type, subject), times in emitted.items():
        if times > 1:
            yield f"{event_type} was emitted {times} times for {subject}"
    keys = Counter(refund["idempotencyKey"] for refund in snapshot.refunds)
    for key, times in keys.items():
        if times > 1:
            yield f"the provider refunded {times} times under the key {key}"
    for refund in snapshot.refunds:
        key, payment_id = refund["idempotencyKey"], refund["paymentId"]
        if key.startswith(OURS) and key.removeprefix(OURS).partition(":")[0] != payment_id:
            yield f"{payment_id} was refunded under the key {key}"


def nothing_behind_the_checkpoint(snapshot: Snapshot) -> Iterator[str]:
    """I7. A row that stays pending while the relay is at rest lies behind its checkpoint.

    (One that is published and was never confirmed shows as lost, in I1.)
    """
    for row in snapshot.outbox:
        if row.state == "pending":
            yield f"{_name(row)} is still pending"


def only_poison_is_set_aside(snapshot: Snapshot) -> Iterator[str]:
    """I8. The dead queues hold the poison that was injected, all of it, and nothing else."""
    poison = snapshot.injected_poison
    known = {row.id for row in snapshot.outbox}
    intents = {row.intent_id for row in snapshot.outbox}
    for letter in snapshot.dead_letters:
        ours = snapshot.is_whole or letter.event_id in known or letter.intent_id in intents
        if ours and letter.event_id not in poison:
            yield f"{letter.queue}.dead holds {letter.event_id}: {letter.reason}"
    for event_id in sorted(poison - {letter.event_id for letter in snapshot.dead_letters}):
        yield f"the poison {event_id} was not set aside"


def _subject(row: OutboxRow) -> str:
    if row.type in ONCE_AN_INTENT:
        return row.intent_id
    if row.type in ONCE_A_MOVE:
        return str(row.moves_id)
    assert row.type in ONCE_A_PAYMENT, f"{row.type} has no rule"
    return str(row.payment_id)


def _name(row: OutboxRow) -> str:
    return f"{row.type} {row.id} of {row.intent_id}"
