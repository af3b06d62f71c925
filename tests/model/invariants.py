"""What must hold where a world is at rest: the money, the slots, finality and the read model.

I2 (each effect once) and the taking of slots are checked at every step, by the world itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Final

from contracts.events import Event
from services.booking.rules.state import Booking, BookingState
from services.gateway.rules.view import View
from services.payment.rules.state import CaptureState, PaymentState
from tests.model.layout import FLAGS, GATEWAY_NETWORK, NETWORK, State
from tests.model.scenario import PRICE
from tests.model.system import System, Violation

FINAL: Final = (BookingState.CONFIRMED, BookingState.FAILED, BookingState.CANCELLED)
PERMUTED_MAX: Final = 4  # events; of more, a few orders stand for all


class Invariants:
    """Checks one world's states at rest; remembers the views, for many states share them."""

    def __init__(self, system: System) -> None:
        self._world = system
        self._views: dict[tuple[int, ...], View | None] = {}

    def at_rest(self, state: State) -> bool:
        """Nothing is under way and nobody has anything left to do."""
        system, at, flags = self._world, self._world.at, state[FLAGS]
        if not system.network.at_rest(state[NETWORK]) or not system.network.at_rest(
            state[GATEWAY_NETWORK]
        ):
            return False
        if flags & sum((*at.refund_answer, *at.capture_answer)):
            return False
        if system.scenario.deadlines and flags & sum(at.deadline_set):
            return False
        payments = (system.rows[row] for row in state[at.payment : at.capture])
        captures = (system.rows[row] for row in state[at.capture : at.view])
        return not any(
            row is not None and row.state in (PaymentState.REFUND_PENDING, CaptureState.REQUESTED)
            for row in (*payments, *captures)
        )

    def check(self, state: State) -> None:
        """Raises Violation where a state at rest breaks an invariant."""
        for name, i in self._world.at.intents.items():
            booking: Booking | None = self._world.rows[state[self._world.at.booking + i]]
            self._final(name, booking)
            self._slot(state, i, booking)
            self._money(state, name, booking)
            self._read_model(state, name, i, booking)

    def _final(self, name: str, booking: Booking | None) -> None:
        if booking and booking.state not in FINAL:
            raise Violation(f"I6: {name} rests in {booking.state}")
        always = self._world.scenario.always
        if always and (booking is None or booking.state is not always):
            raise Violation(f"confluence: {name} is {booking and booking.state}, not {always}")

    def _slot(self, state: State, i: int, booking: Booking | None) -> None:
        """A confirmed booking holds the slot that it wanted, and no other booking holds one."""
        live = bool(booking and booking.slot and booking.state is BookingState.CONFIRMED)
        if live != bool(state[FLAGS] & self._world.at.holds_slot[i]):
            raise Violation(f"I5: live is {live}, but the slot says otherwise: {booking}")

    def _money(self, state: State, name: str, booking: Booking | None) -> None:
        """By the provider's ledger: captured minus refunded is the price if confirmed, else 0."""
        at, flags = self._world.at, state[FLAGS]
        kept = 0
        for charge in self._world.scenario.charges:
            if charge.intent_id == name:
                kept += charge.amount
        for k, asked in enumerate(self._world.scenario.captures):
            if asked.charge.intent_id == name and flags & at.charged[k]:
                kept += asked.charge.amount
        for payment_id, charge in at.charges.items():
            if charge.intent_id == name and flags & at.refunded[at.payments[payment_id]]:
                kept -= charge.amount
        owed = PRICE if booking and booking.state is BookingState.CONFIRMED else 0
        if kept != owed:
            raise Violation(f"I4: {name} kept {kept}, should be {owed}: {booking}")

    def _read_model(self, state: State, name: str, i: int, booking: Booking | None) -> None:
        system, at = self._world, self._world.at
        sent = tuple(
            number
            for number in system.network.sent(state[NETWORK])
            if isinstance(system.network.messages[number], Event)
            and system.network.messages[number].intent_id == name
        )
        view = self._view(sent)
        if system.scenario.gateway and system.rows[state[at.view + i]] != view:
            raise Violation(f"read model: {system.rows[state[at.view + i]]}, joined {view}")
        rows = [system.rows[row] for row in state[at.payment : at.capture]]
        truth = {
            row.charge.payment_id: str(row.state)
            for row in rows
            if row is not None and row.charge.intent_id == name
        }
        shown = {p.payment_id: str(p.status) for p in view.payments} if view else {}
        same = shown == truth
        if booking:
            same = same and view is not None and view.status.value == booking.state.value
            same = same and view is not None and view.reason == booking.reason
        if not same:
            raise Violation(f"read model: shows {view}, truth is {booking} and {truth}")

    def _view(self, sent: tuple[int, ...]) -> View | None:
        """The view of these messages, which must be the same in every order."""
        if sent not in self._views:
            views = [self._joined(order) for order in _orders(sent)]
            if any(view != views[0] for view in views):
                raise Violation(f"read model: depends on the order: {views}")
            self._views[sent] = views[0]
        return self._views[sent]

    def _joined(self, order: Sequence[int]) -> View | None:
        view = None
        for number in order:
            view = self._world.show(view, number)
        return view


def _orders(sent: tuple[int, ...]) -> list[Sequence[int]]:
    if len(sent) <= PERMUTED_MAX:
        return list(permutations(sent))
    rotations = [sent[turn:] + sent[:turn] for turn in range(len(sent))]
    return [*rotations, *(rotation[::-1] for rotation in rotations)]
