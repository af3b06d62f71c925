"""What must hold where a world is at rest: the money, the slots, finality and the read model.

I2 (each effect once) and the taking of slots are checked at every step, by the world itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Final

from contracts.events import Event
from contracts.money import RefundedBy
from services.booking.rules.state import Booking, BookingState
from services.gateway.rules.view import View
from services.payment.rules.state import CaptureState
from tests.model import accounts, provider
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
        captures = (system.rows[row] for row in state[at.capture : at.account])
        if any(row is not None and row.state is CaptureState.REQUESTED for row in captures):
            return False
        return not any(
            True
            for name, j in at.payments.items()
            for _ in (*provider.refund(system, state, j, name), *accounts.steps(system, state, j))
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
        """By the provider's ledger: what was captured and has not gone back is the price if the
        booking is confirmed, less what somebody gave back of it in part; else it is nothing."""
        at, flags, confirmed = self._world.at, state[FLAGS], BookingState.CONFIRMED
        charged = dict.fromkeys((c.payment_id for c in self._world.scenario.charges), True)
        for k, asked in enumerate(self._world.scenario.captures):
            charged[asked.charge.payment_id] = bool(flags & at.charged[k])
        held = booking.payment_id if booking and booking.state is confirmed else None
        paid = 0
        for payment_id, j in at.payments.items():
            account = accounts.of(self._world, state, j)
            if account.charge.intent_id != name or not charged[payment_id]:
                continue
            if payment_id != held and account.kept:
                raise Violation(f"I4: {name} kept {account.kept} of {payment_id}: {booking}")
            if payment_id == held:
                paid = account.charge.amount
                ours = [one for one in account.refunds if one.by is RefundedBy.SERVICE]
                if account.kept <= 0 or ours:
                    raise Violation(f"I4: {name} stands on {account}")
        if held and paid != PRICE:
            raise Violation(f"I4: {name} is confirmed for {paid}, should be {PRICE}")

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
            row.charge.payment_id: str(row.status)
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
