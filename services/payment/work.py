"""A batch of inputs decided in one transaction: read what they touch, decide each, write once.

Everything that the payment service ever writes goes through here: events, webhooks, what workers
are about to do and what the provider answered.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from contracts.events import BookingUserForgotten, Event
from contracts.money import PaymentStatus, Verdict
from postbox.events import Message
from postbox.inbox import Decided
from postbox.mongo import Database, Document, Session, States, is_retried, transaction
from postbox.outbox import Outbox
from postbox.runtime import crash_point
from postbox.service import GroupCommit, Submission
from postbox.telemetry import current_trace, under
from services.payment import metrics
from services.payment.forgetting import forget
from services.payment.moved import alarm_moved
from services.payment.rules.core import Decision, Input, Known, Outcome, decide, keys
from services.payment.rules.inputs import ChargeKnown
from services.payment.rules.state import Capture, ClosedIntent, Dispute, Payment, Refund

LEAVES_A_JOB: Final = frozenset({Outcome.REQUEST.value, Outcome.REFUND.value})


@dataclass(frozen=True, slots=True)
class Ask:
    """One input to decide on; `event_id` where it came as an event."""

    input: Input
    event_id: str = ""


class Work:
    """The rows that a batch touches; each decision sees what earlier ones did."""

    def __init__(
        self, payments: States, refunds: States, disputes: States, captures: States, closed: States
    ) -> None:
        self._payments = payments
        self._refunds = refunds
        self._disputes = disputes
        self._captures = captures
        self._closed = closed

    @classmethod
    async def read(cls, session: Session, database: Database, asks: Sequence[Ask]) -> "Work":
        touched = [keys(ask.input, event_id=ask.event_id) for ask in asks]

        async def read(
            name: str, ids: Iterable[str | None], absent: AbstractSet[str] = frozenset()
        ) -> States:
            return await States.read(session, database[name], set(ids), absent=absent)

        return cls(
            await read("payments", (one.payment_id for one in touched), _new(asks)),
            await read("refunds", (one.refund_id for one in touched)),
            await read("disputes", (one.dispute_id for one in touched)),
            await read("captures", (one.capture_id for one in touched)),
            await read("closed_intents", (one.intent_id for one in touched)),
        )

    def decide(self, ask: Ask) -> Decision:
        """Decide one input, and keep what follows for the ones after it."""
        before = self._known(ask)
        decision = decide(before, ask.input, event_id=ask.event_id)
        after = decision.state
        if after.payment is not None and after.payment is not before.payment:
            _put(self._payments, after.payment.charge.payment_id, after.payment.to_document())
        if after.refund is not None and after.refund is not before.refund:
            self._refunds.put(after.refund.refund_id, after.refund.to_document())
        if after.dispute is not None and after.dispute is not before.dispute:
            self._disputes.put(after.dispute.dispute_id, after.dispute.to_document())
        if after.capture is not None and after.capture is not before.capture:
            _put(self._captures, after.capture.capture_id, after.capture.to_document())
        if after.closed is not None and after.closed is not before.closed:
            self._closed.put(after.closed.intent_id, after.closed.to_document())
        return decision

    def _known(self, ask: Ask) -> Known:
        touched = keys(ask.input, event_id=ask.event_id)
        payment = self._payments.get(touched.payment_id)
        refund = self._refunds.get(touched.refund_id)
        dispute = self._disputes.get(touched.dispute_id)
        capture = self._captures.get(touched.capture_id)
        closed = self._closed.get(touched.intent_id)
        return Known(
            payment=Payment.from_document(payment) if payment else None,
            refund=Refund.from_document(refund) if refund else None,
            dispute=Dispute.from_document(dispute) if dispute else None,
            capture=Capture.from_document(capture) if capture else None,
            closed=ClosedIntent.from_document(closed) if closed else None,
        )

    async def write(self, session: Session) -> None:
        for rows in (
            self._payments,
            self._refunds,
            self._disputes,
            self._captures,
            self._closed,
        ):
            await rows.write(session)


def _new(asks: Sequence[Ask]) -> set[str]:
    """The payments that these inputs begin, as far as one can tell without reading them."""
    if is_retried():
        return set()
    ids = [keys(ask.input, event_id=ask.event_id).payment_id for ask in asks]
    counts = Counter(ids)
    begin = (ask.input for ask in asks if isinstance(ask.input, ChargeKnown))
    payments = (one.charge.payment_id for one in begin)
    return {payment_id for payment_id in payments if counts[payment_id] == 1}


def _put(rows: States, key: str, row: Document) -> None:
    """With the trace of what brought it into its state, for the worker that takes it up."""
    known = rows.get(key)
    is_same = known is not None and known["state"] == row["state"]
    origin = known["traceparent"] if known and is_same else current_trace()["traceparent"]
    rows.put(key, {**row, "traceparent": origin})


class Handle:
    """The consumer's handler: a batch of events becomes decisions and rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, session: Session, messages: Sequence[Message[Event]]) -> list[Decided]:
        forgotten = [one.fact for one in messages if isinstance(one.fact, BookingUserForgotten)]
        asks = {
            one.event.id: Ask(_input(one.fact), one.event.id)
            for one in messages
            if not isinstance(one.fact, BookingUserForgotten)
        }
        work = await Work.read(session, self._database, list(asks.values()))
        decided = []
        for message in messages:
            if (ask := asks.get(message.event.id)) is None:
                decided.append(Decided("forget"))
                continue
            with under(message.context):
                decision = work.decide(ask)
            decided.append(Decided(decision.outcome.value, decision.events))
        await work.write(session)
        for fact in forgotten:
            await forget(session, self._database, fact)
        return decided


class Ledger:
    """Decides what comes by other ways than events, in groups that share a transaction."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox
        self._group: GroupCommit[Ask, Decision] = GroupCommit(self._commit)
        self._wakes: list[Callable[[], None]] = []

    def when_due(self, wake: Callable[[], None]) -> None:
        """From now on, call `wake` after a commit that leaves something to ask of the provider."""
        self._wakes.append(wake)

    def committed(self, outcomes: Iterable[str]) -> None:
        """Count what was decided, here or on events, and wake who has to go on from it."""
        seen = list(outcomes)
        metrics.decided(seen)
        if not LEAVES_A_JOB.isdisjoint(seen):
            for wake in self._wakes:
                wake()

    async def decide(self, one: Input) -> Decision:
        """Have `one` decided, with its events, under the current trace; committed on return."""
        return await self._group.submit(Ask(one))

    async def _commit(self, group: Sequence[Submission[Ask]]) -> list[Decision]:
        async def body(session: Session) -> list[Decision]:
            asks = [submission.request for submission in group]
            work = await Work.read(session, self._database, asks)
            decisions: list[Decision] = []
            for submission in group:
                with under(submission.context):
                    decisions.append(work.decide(submission.request))
            await work.write(session)
            # The server may have refused that; no trace is to have an event that never was.
            rows: list[Document] = []
            for submission, decision in zip(group, decisions, strict=True):
                with under(submission.context):
                    rows += self._outbox.rows(decision.events)
            await self._outbox.insert(session, rows)
            crash_point("payment.written")
            return decisions

        decisions = await transaction(self._database.client, body)
        crash_point("payment.committed")
        self.committed(one.outcome.value for one in decisions if _is_counted(one))
        alarm_moved(event for decision in decisions for event in decision.events)
        return decisions


def _is_counted(decision: Decision) -> bool:
    """A refund counts where it ends what the booking's refusal began: not one made elsewhere of a
    payment that stands, nor a part."""
    payment = decision.state.payment
    if decision.outcome is not Outcome.REFUNDED or payment is None:
        return True
    return payment.verdict is Verdict.REFUSED and payment.status is PaymentStatus.REFUNDED


def _input(fact: Event) -> Input:
    assert isinstance(fact, Input), f"{fact.TYPE} is not bound to the payment service's queue"
    return fact
