"""What the provider knows of each charge: refunds and disputes, ours and others', and what moves.

Whatever moves is told by a webhook, which arrives whenever it likes, or not at all: then the
payment service finds it in the provider's list, at any moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from contracts.money import RefundedBy
from services.payment.rules.inputs import DisputeReported, RefundReported
from services.payment.rules.state import Charge, Dispute, DisputeStatus, Refund, RefundStatus
from tests.model.layout import State
from tests.model.scenario import T0, DisputeElsewhere, RefundElsewhere

if TYPE_CHECKING:
    from tests.model.system import Step, System

_COUNTS: Final = (RefundStatus.PENDING, RefundStatus.SUCCEEDED)


@dataclass(frozen=True)
class Account:
    """One charge at the provider; of a refund of ours, the id is its idempotency key."""

    charge: Charge
    refunds: tuple[Refund, ...] = ()
    disputes: tuple[Dispute, ...] = ()

    @property
    def kept(self) -> int:
        """What is left of the charge with the merchant, an open dispute's too."""
        refunded = sum(one.amount for one in self.refunds if one.status in _COUNTS)
        lost = sum(one.amount for one in self.disputes if one.status is DisputeStatus.LOST)
        return self.charge.amount - refunded - lost

    @property
    def refundable(self) -> int:
        is_open = DisputeStatus.OPEN
        return self.kept - sum(one.amount for one in self.disputes if one.status is is_open)

    def reports(self) -> Iterator[RefundReported | DisputeReported]:
        for refund in self.refunds:
            yield RefundReported(charge=self.charge, refund=refund, at=T0)
        for dispute in self.disputes:
            yield DisputeReported(charge=self.charge, dispute=dispute, at=T0)


def of(system: System, state: State, j: int) -> Account:
    account: Account | None = system.rows[state[system.at.account + j]]
    return account or Account(list(system.at.charges.values())[j])


def knows(account: Account, key: str) -> bool:
    return any(one.refund_id == key for one in account.refunds)


def made(account: Account, key: str) -> Refund:
    """The answer to a key, which never changes: the refund as it was at first."""
    (refund,) = (one for one in account.refunds if one.refund_id == key)
    return replace(refund, status=_first(refund))


def _first(refund: Refund) -> RefundStatus:
    """Only what was accepted first can have failed."""
    is_slow = refund.status in (RefundStatus.PENDING, RefundStatus.FAILED)
    return RefundStatus.PENDING if is_slow else RefundStatus.SUCCEEDED


def refunded_by_us(system: System, state: State, j: int, key: str, amount: int) -> State:
    account = of(system, state, j)
    status = RefundStatus.PENDING if system.scenario.slow_refunds else RefundStatus.SUCCEEDED
    refund = Refund(
        refund_id=key,
        payment_id=account.charge.payment_id,
        amount=amount,
        status=status,
        by=RefundedBy.SERVICE,
    )
    return _put(system, state, j, replace(account, refunds=(*account.refunds, refund)))


def steps(system: System, state: State, j: int) -> Iterator[Step]:
    """What may move of one charge next, by whoever but the payment service."""
    if not system.scenario.elsewhere and not system.scenario.slow_refunds:
        return
    account = of(system, state, j)
    for action in system.scenario.elsewhere:
        if action.payment_id == account.charge.payment_id and _exists(system, state, j):
            if isinstance(action, RefundElsewhere):
                yield from _refund(system, state, j, account, action)
            else:
                yield from _dispute(system, state, j, account, action)
    if system.scenario.slow_refunds:
        for refund in account.refunds:
            if refund.by is RefundedBy.SERVICE:
                may_fail = refund == account.refunds[0]
                yield from _settle(system, state, j, account, refund, may_fail, webhook=True)
    yield from _found(system, state, j, account)


def _exists(system: System, state: State, j: int) -> bool:
    """A charge that a capture makes is there once it was made."""
    k = j - len(system.scenario.charges)
    return k < 0 or bool(state[2] & system.at.charged[k])


def _refund(
    system: System, state: State, j: int, account: Account, action: RefundElsewhere
) -> Iterator[Step]:
    known = next((one for one in account.refunds if one.refund_id == action.refund_id), None)
    if known is not None:
        if action.slow:
            may_fail = action.may_fail
            yield from _settle(system, state, j, account, known, may_fail, webhook=action.webhook)
    elif action.amount <= account.refundable:
        refund = Refund(
            refund_id=action.refund_id,
            payment_id=action.payment_id,
            amount=action.amount,
            status=RefundStatus.PENDING if action.slow else RefundStatus.SUCCEEDED,
            by=RefundedBy.ELSEWHERE,
        )
        after = _put(system, state, j, replace(account, refunds=(*account.refunds, refund)))
        yield f"{action.refund_id} elsewhere", _tell(system, after, account, refund, action.webhook)


def _settle(
    system: System,
    state: State,
    j: int,
    account: Account,
    refund: Refund,
    may_fail: bool,
    *,
    webhook: bool,
) -> Iterator[Step]:
    if refund.status is not RefundStatus.PENDING:
        return
    for status in (RefundStatus.SUCCEEDED, *([RefundStatus.FAILED] if may_fail else [])):
        moved = replace(refund, status=status)
        refunds = tuple(moved if one == refund else one for one in account.refunds)
        after = _put(system, state, j, replace(account, refunds=refunds))
        yield f"{refund.refund_id} {status}", _tell(system, after, account, moved, webhook)


def _dispute(
    system: System, state: State, j: int, account: Account, action: DisputeElsewhere
) -> Iterator[Step]:
    known = next((one for one in account.disputes if one.dispute_id == action.dispute_id), None)
    if known is None:
        if action.amount > account.refundable:
            return
        opened = Dispute(
            dispute_id=action.dispute_id,
            payment_id=action.payment_id,
            amount=action.amount,
            status=DisputeStatus.OPEN,
        )
        after = _put(system, state, j, replace(account, disputes=(*account.disputes, opened)))
        yield f"{action.dispute_id} opened", _tell(system, after, account, opened, action.webhook)
    elif known.status is DisputeStatus.OPEN:
        for outcome in action.outcomes:
            closed = replace(known, status=outcome)
            disputes = tuple(closed if one == known else one for one in account.disputes)
            after = _put(system, state, j, replace(account, disputes=disputes))
            told = _tell(system, after, account, closed, action.webhook)
            yield f"{action.dispute_id} {outcome}", told


def _tell(
    system: System, state: State, account: Account, moved: Refund | Dispute, webhook: bool
) -> State:
    if not webhook:
        return state
    report: RefundReported | DisputeReported = (
        RefundReported(charge=account.charge, refund=moved, at=T0)
        if isinstance(moved, Refund)
        else DisputeReported(charge=account.charge, dispute=moved, at=T0)
    )
    return system.send(state, system.network.number(report))


def _found(system: System, state: State, j: int, account: Account) -> Iterator[Step]:
    """Reconciliation: what no webhook tells is found in the list."""
    silent = {
        action.refund_id if isinstance(action, RefundElsewhere) else action.dispute_id
        for action in system.scenario.elsewhere
        if not action.webhook
    }
    heard = system.heard(state, j)
    for event in account.reports():
        one = event.refund if isinstance(event, RefundReported) else event.dispute
        id_ = one.refund_id if isinstance(one, Refund) else one.dispute_id
        known = heard.get(id_)
        if id_ in silent and (known is None or known.status != one.status):
            after = system.payment_hears(state, event, f"found {event}")
            yield f"{id_} found in the list", after


def _put(system: System, state: State, j: int, account: Account) -> State:
    place = system.at.account + j
    return (*state[:place], system.rows.number(account), *state[place + 1 :])
