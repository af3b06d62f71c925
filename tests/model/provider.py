"""The payment provider, and the workers that ask it: outside every transaction, with idempotency
keys, and with a crash possible between each two moments.

An attempt is two decisions with the provider's deed between them; the answer may be lost after the
deed, which is a time-out or a crash, or there may be no deed at all. The first `losses` attempts
may go wrong so; the one after them does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from services.payment.rules.inputs import (
    CaptureDeclined,
    CaptureDue,
    CaptureSucceeded,
    CaptureUnanswered,
    ChargeKnown,
    RefundAnswered,
    RefundDue,
    RefundRefused,
    RefundUnanswered,
)
from services.payment.rules.state import CaptureState, Payment
from tests.model import accounts
from tests.model.layout import FLAGS, State
from tests.model.scenario import T0, AskedCapture

if TYPE_CHECKING:
    from tests.model.system import Step, System

_TIMES: Final[dict[str, Any]] = {"now": T0 + timedelta(days=1), "retry_at": T0}  # always due
_LOST: Final[dict[str, Any]] = {"error": "no answer", "retry_at": T0}


def flagged(state: State, *, up: int = 0, down: int = 0) -> State:
    return (*state[:FLAGS], state[FLAGS] & ~down | up, *state[FLAGS + 1 :])


def refund(system: System, state: State, j: int, payment_id: str) -> Iterator[Step]:
    """The refund that the payment service makes."""
    answer = system.at.refund_answer[j]
    payment: Payment | None = system.rows[state[system.at.payment + j]]
    if payment is None:
        return
    may_lose = payment.attempts <= system.scenario.losses
    if state[FLAGS] & answer:
        heard = flagged(state, down=answer)
        made = accounts.made(accounts.of(system, state, j), payment.refund_key)
        event = RefundAnswered(payment_id=payment_id, refund=made, at=T0)
        told = system.payment_hears(heard, event, f"told {j} {made.refund_id}")
        yield f"refund of {payment_id} told", told
        if may_lose:
            yield f"crash after the refund of {payment_id}", heard
        return
    if not system.refund_due(state, j):
        return
    due = RefundDue(payment_id=payment_id, look_again_at=T0, **_TIMES)
    asked = system.payment_hears(state, due, f"refund due {j}")
    after: Payment = system.rows[asked[system.at.payment + j]]
    if after.asking is None:
        return
    account = accounts.of(system, asked, j)
    if accounts.knows(account, after.refund_key):
        yield f"refund of {payment_id} repeated", flagged(asked, up=answer)
    elif after.asking <= account.refundable:
        made_now = accounts.refunded_by_us(system, asked, j, after.refund_key, after.asking)
        yield f"refund of {payment_id} made", flagged(made_now, up=answer)
    else:
        yield f"refund of {payment_id} refused", _refused(system, asked, j, payment_id)
    if after.attempts <= system.scenario.losses:
        lost = RefundUnanswered(payment_id=payment_id, **_LOST)
        yield (
            f"refund of {payment_id} not made",
            system.payment_hears(asked, lost, f"refund lost {j}"),
        )


def _refused(system: System, state: State, j: int, payment_id: str) -> State:
    """The worker looks what the provider knows, and has it decided before the refusal."""
    for event in accounts.of(system, state, j).reports():
        state = system.payment_hears(state, event, f"looked up {event}")
    refused = RefundRefused(payment_id=payment_id, **_LOST)
    return system.payment_hears(state, refused, f"refund refused {j}")


def capture(system: System, state: State, k: int, asked: AskedCapture) -> Iterator[Step]:
    row = system.rows[state[system.at.capture + k]]
    if state[FLAGS] & system.at.capture_answer[k]:
        yield from _capture_answered(system, state, k, asked)
    elif row is not None and row.state is CaptureState.REQUESTED:
        due = CaptureDue(capture_id=row.capture_id, intent_id=row.intent_id, **_TIMES)
        after = system.payment_hears(state, due, f"capture due {k}")
        attempted = system.rows[after[system.at.capture + k]]
        if attempted.state is not CaptureState.REQUESTED:
            yield f"capture {row.capture_id} dropped", after
            return
        yield from _capture_attempted(system, after, k, asked)
        if attempted.attempts <= system.scenario.losses:
            lost = CaptureUnanswered(capture_id=row.capture_id, **_LOST)
            yield (
                f"capture {row.capture_id} not made",
                system.payment_hears(after, lost, f"capture lost {k}"),
            )


def _capture_attempted(system: System, state: State, k: int, asked: AskedCapture) -> Iterator[Step]:
    answer, charged, declined = (
        flags[k] for flags in (system.at.capture_answer, system.at.charged, system.at.declined)
    )
    if state[FLAGS] & (charged | declined):  # the same key, the same answer
        yield f"capture {asked.capture_id} repeated", flagged(state, up=answer)
        return
    taken = flagged(state, up=answer | charged)
    if asked.webhook:
        message = ChargeKnown(charge=asked.charge, at=T0)
        taken = system.send(taken, system.network.number(message))
    yield f"capture {asked.capture_id} made", taken
    if asked.may_decline:
        yield f"capture {asked.capture_id} declined", flagged(state, up=answer | declined)


def _capture_answered(system: System, state: State, k: int, asked: AskedCapture) -> Iterator[Step]:
    row = system.rows[state[system.at.capture + k]]
    heard = flagged(state, down=system.at.capture_answer[k])
    answer: CaptureSucceeded | CaptureDeclined
    if state[FLAGS] & system.at.charged[k]:
        answer = CaptureSucceeded(capture_id=asked.capture_id, charge=asked.charge, at=T0)
    else:
        answer = CaptureDeclined(capture_id=asked.capture_id)
    name = f"{type(answer).__name__} {k}"
    yield f"capture {asked.capture_id} told", system.payment_hears(heard, answer, name)
    if row.attempts <= system.scenario.losses:
        yield f"crash after capture {asked.capture_id}", heard
