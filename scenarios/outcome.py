"""How a booking ends: what a story expects of it, and what is seen."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Self

from scenarios.clients.gateway import PRICE

CREATED: Final = "booking.intent.created"
CANCEL_REQUESTED: Final = "booking.cancel.requested"
CONFIRMED: Final = "booking.confirmed"
FAILED: Final = "booking.failed"
CANCELLED: Final = "booking.cancelled"
REJECTED: Final = "booking.payment.rejected"
REQUESTED: Final = "payment.requested"
CAPTURED: Final = "payment.captured"
PAYMENT_FAILED: Final = "payment.failed"
REFUNDED: Final = "payment.refunded"
DISPUTED: Final = "payment.disputed"
DISPUTE_WON: Final = "payment.dispute.closed"
CHARGED_BACK: Final = "payment.charged_back"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """`state` as the gateway shows it; the events that were emitted, whose order does not matter;
    what the provider's ledger says, in minor units."""

    state: str | None
    reason: str | None = None
    events: tuple[str, ...]
    captured: int = 0
    refunded: int = 0
    charged_back: int = 0

    def plus(self, *events: str, captured: int = 0, refunded: int = 0) -> Self:
        """The same with more events and more money moved."""
        return replace(
            self,
            events=self.events + events,
            captured=self.captured + captured,
            refunded=self.refunded + refunded,
        )

    def differences(self, seen: "Outcome") -> Iterator[str]:
        """In what `seen` is another ending than this."""
        if self.words != seen.words:
            yield f"is {seen.words} instead of {self.words}"
        missing = Counter(self.events) - Counter(seen.events)
        surplus = Counter(seen.events) - Counter(self.events)
        if missing or surplus:
            signed = [*(f"-{one}" for one in missing.elements())]
            signed += [f"+{one}" for one in surplus.elements()]
            yield f"emitted other events: {', '.join(signed)}"
        if self.money != seen.money:
            yield f"has its money at {seen.money} instead of {self.money}"

    @property
    def words(self) -> str:
        """The state, and why."""
        why = f" ({self.reason})" if self.reason and self.reason != self.state else ""
        return f"{self.state or 'unknown'}{why}"

    @property
    def money(self) -> dict[str, int]:
        back = self.refunded + self.charged_back
        lost = {"charged_back": self.charged_back} if self.charged_back else {}
        kept = self.captured - back
        return {"captured": self.captured, "refunded": self.refunded, **lost, "kept": kept}


def confirmed() -> Outcome:
    """Wished for, paid at the provider, confirmed."""
    return Outcome(state="confirmed", events=(CREATED, CAPTURED, CONFIRMED), captured=PRICE)


def failed(reason: str) -> Outcome:
    """Wished for and failed, and nothing was paid."""
    return Outcome(state="failed", reason=reason, events=(CREATED, FAILED))


def cancelled() -> Outcome:
    """Wished for, paid, cancelled before it was confirmed, and the money given back."""
    return Outcome(
        state="cancelled",
        reason="cancelled",
        events=(CREATED, CAPTURED, CANCEL_REQUESTED, CANCELLED, REFUNDED),
        captured=PRICE,
        refunded=PRICE,
    )


def gone(reason: str, *events: str, refunded: int = 0, charged_back: int = 0) -> Outcome:
    """Confirmed, then cancelled because its money went back without us."""
    return Outcome(
        state="cancelled",
        reason=reason,
        events=(CREATED, CAPTURED, CONFIRMED, *events, CANCELLED),
        captured=PRICE,
        refunded=refunded,
        charged_back=charged_back,
    )
