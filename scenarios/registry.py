"""Every story by its name, in the order in which they are told."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from scenarios.context import StoryContext
from scenarios.stories import (
    cancellations,
    crashes,
    deadlines,
    payments,
    provider,
    repeats,
    slots,
)

Story = Callable[[StoryContext], Awaitable[str]]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """`alone`: it kills a program, which no other story should be surprised by."""

    name: str
    tell: Story
    alone: bool = False

    @property
    def about(self) -> str:
        """The first line of the story's docstring."""
        return (self.tell.__doc__ or "").partition("\n")[0]


_ALL: Final = (
    Scenario(name="trivial", tell=payments.trivial),
    Scenario(name="payment-first", tell=payments.payment_first),
    Scenario(name="amount-mismatch", tell=payments.amount_mismatch),
    Scenario(name="duplicate-events", tell=repeats.duplicate_events),
    Scenario(name="booking-service-down", tell=crashes.booking_service_down, alone=True),
    Scenario(name="relay-down", tell=crashes.relay_down, alone=True),
    Scenario(name="payment-service-down", tell=crashes.payment_service_down, alone=True),
    Scenario(
        name="gateway-crash-after-commit", tell=crashes.gateway_crash_after_commit, alone=True
    ),
    Scenario(name="slot-conflict", tell=slots.slot_conflict),
    Scenario(name="second-payment", tell=payments.second_payment),
    Scenario(name="late-payment", tell=deadlines.late_payment),
    Scenario(name="payment-timeout", tell=deadlines.payment_timeout),
    Scenario(name="cancel-after-confirm", tell=cancellations.cancel_after_confirm),
    Scenario(name="cancel-before-intent", tell=cancellations.cancel_before_intent),
    Scenario(name="refund-retry", tell=provider.refund_retry),
    Scenario(name="provider-timeout-after-success", tell=provider.provider_timeout_after_success),
    Scenario(name="provider-declines", tell=payments.provider_declines),
    Scenario(name="lost-webhook", tell=provider.lost_webhook),
    Scenario(name="late-paid-backlog", tell=deadlines.late_paid_backlog, alone=True),
    Scenario(name="poison-message", tell=repeats.poison_message),
)
SCENARIOS: Final[Mapping[str, Scenario]] = {scenario.name: scenario for scenario in _ALL}
