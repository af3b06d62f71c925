"""Every story by its name, in the order in which they run."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from scenarios.context import StoryContext
from scenarios.stories import (
    cancellations,
    crashes,
    deadlines,
    elsewhere,
    payments,
    provider,
    repeats,
    slots,
)

Story = Callable[[StoryContext], Awaitable[str]]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """`alone`: it kills a program, which no other story should be surprised by. `waits`: for a
    booking's deadline, which has to be near."""

    name: str
    run: Story
    alone: bool = False
    waits: bool = False

    @property
    def about(self) -> str:
        """The first line of the story's docstring."""
        return (self.run.__doc__ or "").partition("\n")[0]


_ALL: Final = (
    Scenario(name="trivial", run=payments.trivial),
    Scenario(name="payment-first", run=payments.payment_first),
    Scenario(name="amount-mismatch", run=payments.amount_mismatch),
    Scenario(name="duplicate-events", run=repeats.duplicate_events),
    Scenario(name="booking-service-down", run=crashes.booking_service_down, alone=True),
    Scenario(name="relay-down", run=crashes.relay_down, alone=True),
    Scenario(name="payment-service-down", run=crashes.payment_service_down, alone=True),
    Scenario(name="gateway-crash-after-commit", run=crashes.gateway_crash_after_commit, alone=True),
    Scenario(name="slot-conflict", run=slots.slot_conflict),
    Scenario(name="second-payment", run=payments.second_payment),
    Scenario(name="late-payment", run=deadlines.late_payment, waits=True),
    Scenario(name="payment-timeout", run=deadlines.payment_timeout, waits=True),
    Scenario(name="cancel-after-confirm", run=cancellations.cancel_after_confirm),
    Scenario(name="cancel-before-intent", run=cancellations.cancel_before_intent),
    Scenario(name="refund-retry", run=provider.refund_retry),
    Scenario(name="provider-timeout-after-success", run=provider.provider_timeout_after_success),
    Scenario(name="provider-declines", run=payments.provider_declines),
    Scenario(name="lost-webhook", run=provider.lost_webhook),
    Scenario(name="refunded-elsewhere", run=elsewhere.refunded_elsewhere),
    Scenario(name="partial-refund-then-cancel", run=elsewhere.partial_refund_then_cancel),
    Scenario(name="dispute-lost", run=elsewhere.dispute_lost),
    Scenario(name="dispute-won", run=elsewhere.dispute_won),
    Scenario(name="refund-races-dashboard", run=elsewhere.refund_races_dashboard),
    Scenario(name="late-paid-backlog", run=deadlines.late_paid_backlog, alone=True, waits=True),
    Scenario(name="poison-message", run=repeats.poison_message),
)
SCENARIOS: Final[Mapping[str, Scenario]] = {scenario.name: scenario for scenario in _ALL}
