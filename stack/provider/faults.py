"""Faults that a test arms: what the next captures and refunds suffer.

They live in memory: a restarted simulator has none. A fault may be limited to one intent or one
payment, so that tests can run side by side; the limited one is used up before the general one.
"""

from typing import Annotated, Any, NamedTuple

from pydantic import ConfigDict, Field

from stack.provider.ledger import Operation
from stack.provider.orders import Body, DelayMs, Id, WebhookOrder
from stack.provider.problems import Problem

ARMED_MAX = 100
"""Faults of one operation that may be armed at a time; each call looks through them."""

Times = Annotated[int, Field(ge=0, le=1_000_000)]


class Fault(Body):
    """One armed fault; its counts go down as calls suffer it."""

    model_config = ConfigDict(frozen=False, extra="forbid")

    fail_times: Times = 0
    """So many next calls are answered 500 before anything is done."""
    timeout_after_success: Times = 0
    """So many next calls are done, then never answered."""
    delay_ms: DelayMs = 0
    """Every call waits so long before it is done."""
    busy_times: Times = 0
    """So many next calls are answered 429, and nothing is done."""
    locked_times: Times = 0
    """So many next calls are answered 409, and nothing is done."""
    webhook: WebhookOrder | None = None
    """How the webhooks of what is done misbehave."""
    intent_id: Id | None = None

    @property
    def scope(self) -> tuple[str | None, str | None]:
        return self.intent_id, None

    @property
    def spent(self) -> bool:
        times = self.fail_times + self.timeout_after_success + self.busy_times + self.locked_times
        return not (times or self.delay_ms or self.webhook)


class CaptureFault(Fault):
    decline: bool | Times = False
    """True: every capture is declined; a number: so many next ones."""

    @property
    def spent(self) -> bool:
        return super().spent and not self.decline


class RefundFault(Fault):
    payment_id: Id | None = None
    pending: bool | Times = False
    """True: every refund is answered `pending`; a number: so many next ones."""
    settle_after_ms: DelayMs | None = None
    """So long after, a pending refund has succeeded."""
    fail_after_ms: DelayMs | None = None
    """So long after, a pending refund has failed. Without either, it ends when it is told to."""

    @property
    def scope(self) -> tuple[str | None, str | None]:
        return self.intent_id, self.payment_id

    @property
    def spent(self) -> bool:
        return super().spent and not self.pending

    def ends(self) -> "Slow":
        if self.fail_after_ms is not None:
            return Slow(self.fail_after_ms, "failed")
        if self.settle_after_ms is not None:
            return Slow(self.settle_after_ms, "succeeded")
        return Slow(None, None)


class Slow(NamedTuple):
    """How a pending refund ends, and after how long; None where somebody has to say so."""

    after_ms: int | None
    ends_as: str | None


class FaultPlan(Body):
    model_config = ConfigDict(extra="forbid")

    captures: CaptureFault | None = None
    refunds: RefundFault | None = None


class Faults:
    def __init__(self) -> None:
        self._armed: dict[Operation, list[Fault]] = {"captures": [], "refunds": []}

    def arm(self, plan: FaultPlan) -> None:
        """Each fault of the plan replaces the one of the same operation and scope."""
        if plan.captures is not None:
            self._arm("captures", plan.captures)
        if plan.refunds is not None:
            self._arm("refunds", plan.refunds)

    def _arm(self, operation: Operation, fault: Fault) -> None:
        kept = [one for one in self._armed[operation] if not one.spent and one.scope != fault.scope]
        if len(kept) >= ARMED_MAX:
            raise Problem(422, "too-many-faults", f"{operation}: {ARMED_MAX} faults are armed")
        # The limited ones stand before the general one, which is the last.
        kept.append(fault)
        self._armed[operation] = sorted(kept, key=lambda one: one.scope == (None, None))

    def clear(self) -> None:
        for faults in self._armed.values():
            faults.clear()

    def armed(self) -> dict[str, list[dict[str, Any]]]:
        return {
            operation: [
                fault.model_dump(by_alias=True, exclude_defaults=True)
                for fault in faults
                if not fault.spent
            ]
            for operation, faults in self._armed.items()
        }

    def on(self, operation: Operation, intent_id: str | None, payment_id: str | None) -> "Suffered":
        """The faults that a call about this intent and payment meets."""
        return Suffered(
            [
                fault
                for fault in self._armed[operation]
                if fault.scope[0] in (None, intent_id) and fault.scope[1] in (None, payment_id)
            ]
        )


class Suffered:
    """The faults of one call; each question uses up one time of the fault that answers it."""

    def __init__(self, faults: list[Fault]) -> None:
        self._faults = faults

    @property
    def delay_s(self) -> float:
        return max((fault.delay_ms for fault in self._faults), default=0) / 1_000

    def refuse(self) -> None:
        """A Problem where nothing is to be done."""
        for fault in self._faults:
            if fault.busy_times:
                fault.busy_times -= 1
                raise Problem(429, "busy", "too many requests, as a fault said")
            if fault.locked_times:
                fault.locked_times -= 1
                raise Problem(409, "locked", "another request holds it, as a fault said")
            if fault.fail_times:
                fault.fail_times -= 1
                raise Problem(500, "armed-fault", "nothing was done, as a fault said")

    def webhook(self, otherwise: WebhookOrder) -> WebhookOrder:
        """How the webhooks of this call misbehave."""
        armed = (fault.webhook for fault in self._faults if fault.webhook is not None)
        return next(armed, otherwise)

    def declines(self) -> bool:
        for fault in self._faults:
            if isinstance(fault, CaptureFault) and fault.decline:
                if fault.decline is not True:
                    fault.decline -= 1
                return True
        return False

    def slow(self) -> Slow | None:
        """How a refund that is accepted now ends later; None where it succeeds at once."""
        for fault in self._faults:
            if isinstance(fault, RefundFault) and fault.pending:
                if fault.pending is not True:
                    fault.pending -= 1
                return fault.ends()
        return None

    def withholds_answer(self) -> bool:
        for fault in self._faults:
            if fault.timeout_after_success:
                fault.timeout_after_success -= 1
                return True
        return False
