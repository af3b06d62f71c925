"""An adapter, and what a test has to be able to do at its provider without the adapter."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from contracts.money import Money
from services.payment.provider.port import Provider
from services.payment.provider.reported import Reported, read_report
from services.payment.rules.state import Capture, CaptureState, Charge, Payment
from tests.eventually import eventually
from tests.provider.simulator import Simulator

PRICE = 1_000
SECOND_US = 1_000_000


@dataclass(frozen=True)
class Door:
    """`hasty` is a second adapter, which waits for an answer for a part of a second only;
    `declining` is a payment method that takes no money."""

    provider: Provider
    hasty: Provider
    simulator: Simulator
    declining: str = "decline"

    async def captured(self) -> Payment:
        """A payment by an intent of its own."""
        asked = capture()
        return payment(asked, await self.provider.capture(asked, traceparent=""))

    async def refunded_elsewhere(self, payment_id: str, amount: int) -> str:
        """As support staff do it; the refund's id."""
        made = await self.simulator.refund(payment_id, amount, f"dashboard-{uuid4()}", "USD")
        assert made.status_code == 201, made.text
        return str(made.json()["refundId"])

    async def settle(self, refund_id: str, status: str) -> None:
        """A refund that was accepted ends so."""
        url = f"/refunds/{refund_id}"
        assert (await self.simulator.client.post(url, json={"status": status})).is_success

    async def disputed(self, payment_id: str, amount: int) -> str:
        made = await self.simulator.dispute(payment_id, amount)
        assert made.status_code == 201, made.text
        return str(made.json()["disputeId"])

    async def close(self, dispute_id: str, outcome: str) -> None:
        assert (await self.simulator.close(dispute_id, outcome)).is_success

    async def arm(self, operation: str, intent_id: str, **fault: Any) -> None:
        """What the next captures or refunds of this intent suffer."""
        await self.simulator.arm(**{operation: {"intentId": intent_id, **fault}})

    async def forget_keys(self) -> None:
        """As if each had been given a day ago or more."""
        assert (await self.simulator.client.delete("/answers")).is_success

    async def position(self) -> int:
        """Where its list ends now."""
        found = 0
        async for page in self.provider.pages(0):
            found = max(found, page.next)
        return found

    async def later(self) -> int:
        """A position in a later second: what is there now is listed from it only if it moves."""
        began = await self.position()

        async def is_later() -> int:
            await self.captured()
            now = await self.position()
            assert now // SECOND_US > began // SECOND_US
            return now

        return await eventually(is_later)

    async def moved(self, after: int, payment_id: str) -> list[Reported]:
        """What is listed of a payment from a position on."""
        found: list[Reported] = []
        async for page in self.provider.pages(after):
            # The others may be charges that are not ours, which cannot be read.
            found += [read_report(one) for one in page.reports() if payment_id.encode() in one]
        return [one for one in found if one.payment_id == payment_id]

    async def known(self, payment_id: str) -> Sequence[Reported]:
        """All that the provider knows of one payment: its charge, refunds and disputes."""
        page = await self.provider.charge(payment_id)
        assert page is not None
        return [read_report(one) for one in page.reports()]


def capture(**changes: Any) -> Capture:
    fields = {
        "capture_id": f"c-{uuid4()}",
        "intent_id": f"intent-{uuid4()}",
        "user_id": "auth0|Renée",
        "amount": PRICE,
        "currency": "USD",
        "payment_method": "pm_card_visa",
        "state": CaptureState.REQUESTED,
    }
    return Capture(**{**fields, **changes})


def payment(asked: Capture, payment_id: str, **changes: Any) -> Payment:
    """The payment that a capture made, whose refund is asked for."""
    charge = Charge(
        payment_id=payment_id,
        intent_id=asked.intent_id,
        user_id=asked.user_id,
        amount=asked.amount,
        currency=asked.currency,
    )
    return Payment(
        charge=charge, money=Money(captured=asked.amount), asking=asked.amount, **changes
    )
