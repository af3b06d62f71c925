"""One small world: the real rules of all three services, joined by a network.

The rules are asked once for each distinct question, so that hundreds of thousands of states are
seconds. What an invariant forbids in *any* state is raised here as a Violation; `invariants` judges
the states at rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from contracts.events import BookingCancelRequested, Event
from contracts.money import PaymentStatus
from contracts.topology import QUEUES
from services.booking.rules import core as booking_core
from services.booking.rules.table import Deadline, DeadlinePassed, SlotChange
from services.gateway.rules import core as gateway_core
from services.gateway.rules.view import View
from services.payment.rules import core as payment_core
from services.payment.rules.inputs import ChargeKnown, Keys, keys
from services.payment.rules.state import ClosedIntent, Dispute, Known, Payment, Refund
from tests.model import accounts, provider
from tests.model.layout import FLAGS, GATEWAY_NETWORK, NETWORK, Layout, Rows, State
from tests.model.network import FOR_GOOD, UNDER_WAY, Network, SentTwice
from tests.model.scenario import T0, Scenario

Step = tuple[str, State]

_ONLY_SHOWN: Final = frozenset({"gateway.events"})


class Violation(AssertionError):
    """An invariant does not hold in a state that can be reached."""


@dataclass(frozen=True, kw_only=True)
class Cores:
    """The rules under exploration: the real ones, or mutants of them."""

    booking: Callable[..., booking_core.Decision] = booking_core.decide
    payment: Callable[..., payment_core.Decision] = payment_core.decide
    project: Callable[..., gateway_core.Projection] = gateway_core.project


class System:
    """The start of a scenario and what may happen next in each of its states."""

    def __init__(self, scenario: Scenario, cores: Cores | None = None) -> None:
        self.scenario = scenario
        self.cores = cores or Cores()
        self.at = Layout(scenario)
        self.rows = Rows()
        self.network = Network(repeats=not scenario.inbox)
        self.gateway_network = Network(repeats=False)  # _show() proves that a repeat is harmless
        self._answers: dict[tuple[object, ...], tuple[Any, ...]] = {}
        self._keys: dict[int | str, Keys] = {}
        self._queues_of: dict[int, frozenset[str]] = {}
        self._refund_due: dict[int, bool] = {}
        self._rivals = self._slot_rivals()

    def _slot_rivals(self) -> list[int]:
        """For each intent, the flags of those that may hold a quantum which it wants."""
        wants = {
            intent.intent_id: intent.slot.quanta()
            for intent in self.scenario.intents
            if intent.slot
        }
        return [
            sum(
                self.at.holds_slot[self.at.intents[other]]
                for other in wants
                if other != name and set(wants[other]) & set(wants.get(name, ()))
            )
            for name in self.at.intents
        ]

    def start(self) -> State:
        """Everything that the outside does is under way."""
        state: State = (0,) * self.at.size
        for message in (
            *self.scenario.intents,
            *(BookingCancelRequested(intent_id=i, requested_by="a") for i in self.scenario.cancels),
            *(asked.requested for asked in self.scenario.captures),
            *(ChargeKnown(charge=charge, at=T0) for charge in self.scenario.charges),
        ):
            state = self.send(state, self.network.number(message))
        return state

    def steps(self, state: State) -> Iterator[Step]:
        """All that may happen next."""
        for number in self.network.arrivals(state[NETWORK]):
            yield f"arrives {number}", self._arrive(state, number)
        if self.scenario.deadlines:
            for name, i in self.at.intents.items():
                if state[FLAGS] & self.at.deadline_set[i]:
                    event = DeadlinePassed(intent_id=name)
                    yield f"deadline of {name}", self._booking_hears(state, event, "deadline")
        for name, j in self.at.payments.items():
            yield from provider.refund(self, state, j, name)
            yield from accounts.steps(self, state, j)
        for asked, k in zip(self.scenario.captures, self.at.captures.values(), strict=True):
            yield from provider.capture(self, state, k, asked)
        for number in self.gateway_network.arrivals(state[GATEWAY_NETWORK]):
            yield f"gateway hears {number}", self._gateway_hears(state, number)

    def reported(self, label: str) -> str:
        """A step's label with the message that it speaks of spelled out."""
        *_, last = label.split()
        if not last.isdigit():
            return label
        message = self.network.messages[int(last)]
        what = message.TYPE if isinstance(message, Event) else type(message).__name__
        return f"{label.removesuffix(last)}{what} {message}"

    # The network

    def send(self, state: State, number: int) -> State:
        queues = self._queues(number)
        how = FOR_GOOD if queues <= _ONLY_SHOWN else UNDER_WAY
        new = list(state)
        try:
            new[NETWORK] = self.network.send(state[NETWORK], number, how)
        except SentTwice as error:
            raise Violation(f"I2: an effect came twice: {error}") from error
        if self.scenario.gateway and "gateway.events" in queues:
            new[GATEWAY_NETWORK] = self.gateway_network.send(state[GATEWAY_NETWORK], number)
        return tuple(new)

    def _queues(self, number: int) -> frozenset[str]:
        known = self._queues_of.get(number)
        if known is None:
            message = self.network.messages[number]
            known = self._queues_of[number] = frozenset(
                {"payment.events"}  # a webhook: no queue, but as unruly
                if not isinstance(message, Event)
                else {queue for queue, types in QUEUES.items() if message.TYPE in types}
            )
        return known

    def _arrive(self, state: State, number: int) -> State:
        arrived = (self.network.arrive(state[NETWORK], number), *state[NETWORK + 1 :])
        message = self.network.messages[number]
        if "booking.events" in self._queues(number):
            return self._booking_hears(arrived, message, number)
        return self.payment_hears(arrived, message, number)

    def _send_all(self, state: State, numbers: tuple[int, ...]) -> State:
        for number in numbers:
            state = self.send(state, number)
        return state

    def _numbers(self, events: tuple[Event, ...]) -> tuple[int, ...]:
        return tuple(self.network.number(event) for event in events)

    # The services

    def _booking_hears(self, state: State, event: Any, name: int | str) -> State:
        i = self.at.intents[event.intent_id]
        place = self.at.booking + i
        flags = state[FLAGS]
        slot_free = not flags & self._rivals[i]
        rejected = (
            self.at.rejected[self.at.payments[event.payment_id]]
            if isinstance(event, booking_core.OfPayment)
            else 0
        )
        refused_before = bool(flags & rejected)
        question = ("booking", i, name, state[place], slot_free, refused_before)
        answer = self._answers.get(question)
        if answer is None:
            before = self.rows[state[place]]
            decision = self.cores.booking(
                before, event, slot_free=slot_free, refused_before=refused_before
            )
            after, sent = self.rows.number(decision.state), self._numbers(decision.events)
            answer = after, sent, decision.slot, decision.deadline, decision.refused
            self._answers[question] = answer
        after, sent, slot, deadline, refused = answer
        if refused is not None:
            flags |= rejected
        if slot is SlotChange.TAKE:
            if not slot_free:
                raise Violation(f"I5: {event.intent_id} took a slot that is not free")
            flags |= self.at.holds_slot[i]
        elif slot is SlotChange.FREE:
            flags &= ~self.at.holds_slot[i]
        if deadline is Deadline.CLEAR:
            flags &= ~self.at.deadline_set[i]
        elif deadline is not None:
            flags |= self.at.deadline_set[i]
        new = list(state)
        new[FLAGS], new[place] = flags, after
        return self._send_all(tuple(new), sent)

    def payment_hears(self, state: State, event: Any, name: int | str) -> State:
        """`name` stands for `event`: a message's number, or a text of one's own."""
        touched = self._touched(event, name)
        payment_at = self.at.payment + self.at.payments.get(touched.payment_id or "", -1)
        capture_at = self.at.capture + self.at.captures.get(touched.capture_id or "", -1)
        closed_flag = self.at.closed[self.at.intents[touched.intent_id]] if touched.intent_id else 0
        reported = touched.refund_id or touched.dispute_id
        heard_at = payment_at - self.at.payment + self.at.heard
        question = (
            "payment",
            name,
            state[payment_at] if touched.payment_id else 0,
            state[heard_at] if reported else 0,
            state[capture_at] if touched.capture_id else 0,
            bool(state[FLAGS] & closed_flag),
        )
        answer = self._answers.get(question)
        if answer is None:
            answer = self._answers[question] = self._decide_payment(event, touched, *question[2:])
        payment, heard, capture, closed, sent = answer
        new = list(state)
        if touched.payment_id:
            new[payment_at] = payment
        if reported:
            new[heard_at] = heard
        if touched.capture_id:
            new[capture_at] = capture
        if closed:
            new[FLAGS] |= closed_flag
        return self._send_all(tuple(new), sent)

    def _touched(self, event: Any, name: int | str) -> Keys:
        touched = self._keys.get(name)
        if touched is None:
            ids = {asked.requested: asked.capture_id for asked in self.scenario.captures}
            touched = self._keys[name] = keys(event, event_id=ids.get(event, ""))
        return touched

    def _decide_payment(self, event: Any, touched: Keys, *rows: Any) -> tuple[Any, ...]:
        payment, heard, capture, closed = rows
        moves = _by_id(self.rows[heard])
        refund, dispute = moves.get(touched.refund_id), moves.get(touched.dispute_id)
        known = Known(
            payment=self.rows[payment],
            refund=refund if isinstance(refund, Refund) else None,
            dispute=dispute if isinstance(dispute, Dispute) else None,
            capture=self.rows[capture],
            closed=ClosedIntent(intent_id=touched.intent_id or "") if closed else None,
        )
        decision = self.cores.payment(known, event, event_id=touched.capture_id or "")
        after = decision.state
        moves |= {touched.refund_id: after.refund, touched.dispute_id: after.dispute}
        known_now = frozenset(one for one in moves.values() if one is not None)
        return (
            self.rows.number(after.payment),
            self.rows.number(known_now or None),
            self.rows.number(after.capture),
            after.closed is not None,
            self._numbers(decision.events),
        )

    def heard(self, state: State, j: int) -> dict[str | None, Refund | Dispute | None]:
        """What the payment service knows of a charge's refunds and disputes, by their ids."""
        return _by_id(self.rows[state[self.at.heard + j]])

    def refund_due(self, state: State, j: int) -> bool:
        """A payment's row says that money has to go back."""
        row = state[self.at.payment + j]
        due = self._refund_due.get(row)
        if due is None:
            payment: Payment = self.rows[row]
            due = self._refund_due[row] = payment.status is PaymentStatus.REFUND_PENDING
        return due

    def _gateway_hears(self, state: State, number: int) -> State:
        message = self.network.messages[number]
        place = self.at.view + self.at.intents[message.intent_id]
        question = ("gateway", number, state[place])
        answer = self._answers.get(question)
        if answer is None:
            view = self.show(self.rows[state[place]], number)
            answer = self._answers[question] = (self.rows.number(view),)
        new = list(state)
        new[GATEWAY_NETWORK] = self.gateway_network.arrive(state[GATEWAY_NETWORK], number)
        (new[place],) = answer
        return tuple(new)

    def show(self, view: View | None, number: int) -> View:
        """The view with a message in it; checks that hearing it again changes nothing."""
        envelope: dict[str, Any] = {
            "event_id": f"event-{number}",
            "time": T0 + timedelta(seconds=number),
            "trace_id": None,
            "archived": gateway_core.Archived(),
        }
        message = self.network.messages[number]
        once = self.cores.project(view, message, **envelope).view
        if self.cores.project(once, message, **envelope).view != once:
            raise Violation(f"I2: the read model took {message.TYPE} twice")
        return once


def _by_id(
    moves: frozenset[Refund | Dispute] | None,
) -> dict[str | None, Refund | Dispute | None]:
    return {
        one.refund_id if isinstance(one, Refund) else one.dispute_id: one for one in moves or ()
    }
