"""The suite: each test works on an intent of its own, so that others may use the provider too."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from contracts.money import RefundedBy
from services.payment.provider.jobs import Captures, Refunds
from services.payment.provider.port import (
    KEYS_KEPT,
    Declined,
    Refused,
    Unanswered,
    UnknownCharge,
)
from services.payment.provider.reported import (
    ReportedCharge,
    ReportedDispute,
    ReportedRefund,
    read_report,
)
from services.payment.rules.inputs import CaptureSucceeded, RefundAnswered
from services.payment.rules.state import (
    Capture,
    DisputeStatus,
    Known,
    Payment,
    Refund,
    RefundStatus,
)
from tests.eventually import eventually
from tests.provider.conformance.door import PRICE, Door, capture, payment

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PART = 300
MANY = 5
LONG_AGO = datetime.now(UTC) - KEYS_KEPT - timedelta(minutes=1)


async def answered(door: Door, asked: Capture) -> str:
    """Asked with the same key until the answer is known."""

    async def ask() -> str:
        try:
            return await door.provider.capture(asked, traceparent="")
        except Unanswered as error:
            raise AssertionError(str(error)) from error

    return await eventually(ask)


async def captured_by_the_job(door: Door, asked: Capture) -> str:
    """The paymentId, by the job that the payment service runs, now."""
    job, row = Captures(door.provider), {"traceparent": ""}
    (told,) = await job.ask(Known(capture=asked), row, datetime.now(UTC))
    assert isinstance(told, CaptureSucceeded)
    return told.charge.payment_id


async def refunded_by_the_job(door: Door, asked: Payment) -> Refund:
    (told,) = await Refunds(door.provider).ask(Known(payment=asked), {}, datetime.now(UTC))
    assert isinstance(told, RefundAnswered)
    return told.refund


class ProviderConformance:
    """Inherit it, and give it a fixture `door`."""

    async def test_a_capture_takes_the_money_and_says_for_whom(self, door: Door) -> None:
        asked = capture()
        payment_id = await door.provider.capture(asked, traceparent=TRACE)
        (charge,) = await door.known(payment_id)
        assert isinstance(charge, ReportedCharge)
        assert charge.value == payment(asked, payment_id).charge
        page = await door.provider.charge(payment_id)
        assert page is not None
        assert page.charges[0]["metadata"]["traceparent"] == TRACE

    async def test_the_same_key_takes_it_once(self, door: Door) -> None:
        asked = capture()
        before = await door.position()
        ids = {await door.provider.capture(asked, traceparent="") for _ in range(3)}
        (payment_id,) = ids
        assert len({one.id for one in await door.moved(max(0, before - 1), payment_id)}) == 1

    async def test_two_at_one_moment_take_it_once(self, door: Door) -> None:
        asked = capture()
        await door.arm("captures", asked.intent_id, delayMs=100)
        both = (door.provider.capture(asked, traceparent="") for _ in range(2))
        ids = set(await asyncio.gather(*both, return_exceptions=True))
        assert {one for one in ids if isinstance(one, str)} == {await answered(door, asked)}
        assert all(isinstance(one, str | Unanswered) for one in ids)

    async def test_a_decline_is_final(self, door: Door) -> None:
        asked = capture(payment_method=door.declining)
        for _ in range(2):
            with pytest.raises(Declined):
                await door.provider.capture(asked, traceparent="")
        again = replace(asked, capture_id=f"{asked.capture_id}-2", payment_method="pm_card_visa")
        assert await door.provider.capture(again, traceparent="")

    @pytest.mark.parametrize("refusal", ["busyTimes", "lockedTimes", "failTimes"])
    async def test_a_refusal_for_now_is_asked_again(self, door: Door, refusal: str) -> None:
        """429, 409 and 500: nothing was done, and the key is as good as before."""
        asked = capture()
        await door.arm("captures", asked.intent_id, **{refusal: 1})
        with pytest.raises(Unanswered):
            await door.provider.capture(asked, traceparent="")
        payment_id = await door.provider.capture(asked, traceparent="")
        await door.arm("refunds", asked.intent_id, **{refusal: 1})
        whole = payment(asked, payment_id)
        with pytest.raises(Unanswered):
            await door.provider.refund(whole)
        assert (await door.provider.refund(whole)).amount == PRICE

    async def test_a_slow_answer_is_waited_for(self, door: Door) -> None:
        asked = capture()
        await door.arm("captures", asked.intent_id, delayMs=300)
        assert await door.provider.capture(asked, traceparent="")

    async def test_after_a_lost_answer_it_is_asked_again(self, door: Door) -> None:
        """Goal: the money is taken, and goes back, once. Method: both are done and not answered."""
        asked = capture()
        await door.arm("captures", asked.intent_id, timeoutAfterSuccess=1)
        with pytest.raises(Unanswered):
            await door.hasty.capture(asked, traceparent="")
        payment_id = await answered(door, asked)
        whole = payment(asked, payment_id)
        await door.arm("refunds", asked.intent_id, timeoutAfterSuccess=1)
        with pytest.raises(Unanswered):
            await door.hasty.refund(whole)
        refund = await door.provider.refund(whole)
        charge, made = await door.known(payment_id)
        assert (charge.id, made.id) == (payment_id, refund.refund_id)

    async def test_what_was_asked_for_long_ago_is_looked_for_first(self, door: Door) -> None:
        """Goal: money that moved by a key that the provider forgot moves once. Method: a capture
        and a part's refund are done and not answered, the keys are forgotten, and the jobs go on.
        """
        asked = capture(asked_at=LONG_AGO)
        await door.arm("captures", asked.intent_id, timeoutAfterSuccess=1)
        with pytest.raises(Unanswered):
            await door.hasty.capture(asked, traceparent="")
        await door.forget_keys()
        payment_id = await captured_by_the_job(door, asked)
        assert len(await door.simulator.charges_of(asked.intent_id)) == 1
        part = replace(payment(asked, payment_id), asking=PART, asked_at=LONG_AGO)
        await door.arm("refunds", asked.intent_id, timeoutAfterSuccess=1)
        with pytest.raises(Unanswered):
            await door.hasty.refund(part)
        await door.forget_keys()
        refund = await refunded_by_the_job(door, part)
        charge, made = await door.known(payment_id)
        assert (charge.id, made.value) == (payment_id, refund)

    async def test_what_was_asked_for_long_ago_and_never_made_is_made(self, door: Door) -> None:
        asked = capture(asked_at=LONG_AGO)
        payment_id = await captured_by_the_job(door, asked)
        part = replace(payment(asked, payment_id), asking=PART, asked_at=LONG_AGO)
        refund = await refunded_by_the_job(door, part)
        _, made = await door.known(payment_id)
        assert made.value == refund

    async def test_a_refund_is_made_once_and_never_of_more(self, door: Door) -> None:
        whole = await door.captured()
        first, again = await door.provider.refund(whole), await door.provider.refund(whole)
        assert first == again
        assert (first.status, first.by) == (RefundStatus.SUCCEEDED, RefundedBy.SERVICE)
        with pytest.raises(Refused):
            await door.provider.refund(replace(whole, refunds_asked=1))
        _, made = await door.known(whole.charge.payment_id)
        assert isinstance(made, ReportedRefund)
        assert made.value == first

    async def test_more_than_is_left_is_refused_whole(self, door: Door) -> None:
        whole = await door.captured()
        payment_id = whole.charge.payment_id
        elsewhere = await door.refunded_elsewhere(payment_id, PART)
        with pytest.raises(Refused):
            await door.provider.refund(whole)
        _, made = await door.known(payment_id)
        assert isinstance(made, ReportedRefund)
        assert made.value == Refund(
            refund_id=elsewhere,
            payment_id=payment_id,
            amount=PART,
            status=RefundStatus.SUCCEEDED,
            by=RefundedBy.ELSEWHERE,
        )
        rest = replace(whole, refunds_asked=1, asking=PRICE - PART)
        assert (await door.provider.refund(rest)).amount == PRICE - PART

    async def test_a_refund_that_is_accepted_may_still_fail(self, door: Door) -> None:
        whole = await door.captured()
        payment_id = whole.charge.payment_id
        await door.arm("refunds", whole.charge.intent_id, pending=1)
        made = await door.provider.refund(whole)
        assert made.status is RefundStatus.PENDING
        before = await door.later()
        await door.settle(made.refund_id, "failed")
        assert (RefundStatus.FAILED, made.refund_id) in {
            (one.status, one.id) for one in await door.moved(before, payment_id)
        }
        again = await door.provider.refund(replace(whole, refunds_asked=1))
        assert again.refund_id != made.refund_id

    async def test_what_is_disputed_does_not_go_back(self, door: Door) -> None:
        whole = await door.captured()
        payment_id = whole.charge.payment_id
        dispute_id = await door.disputed(payment_id, PRICE)
        with pytest.raises(Refused):
            await door.provider.refund(whole)
        _, dispute = await door.known(payment_id)
        assert isinstance(dispute, ReportedDispute)
        assert (dispute.id, dispute.amount, dispute.status) == (dispute_id, PRICE, "open")
        assert dispute.charge.value == whole.charge

    @pytest.mark.parametrize("outcome", [DisputeStatus.WON, DisputeStatus.LOST])
    async def test_a_dispute_that_is_closed_is_listed_anew(
        self, door: Door, outcome: DisputeStatus
    ) -> None:
        payment_id = (await door.captured()).charge.payment_id
        dispute_id = await door.disputed(payment_id, PART)
        before = await door.later()
        await door.close(dispute_id, outcome)
        assert (outcome, dispute_id) in {
            (one.status, one.id) for one in await door.moved(before, payment_id)
        }

    async def test_the_list_has_all_however_many_pages_it_takes(self, small_pages: Door) -> None:
        before = await small_pages.position()
        whole = [await small_pages.captured() for _ in range(MANY)]
        for one in whole:
            await small_pages.provider.refund(one)
        seen = {
            (report.kind, report.payment_id)
            for page in [page async for page in small_pages.provider.pages(max(0, before - 1))]
            for report in map(read_report, page.reports())
        }
        ids = {one.charge.payment_id for one in whole}
        assert seen >= {(kind, id_) for id_ in ids for kind in ("charge", "refund")}

    async def test_what_it_does_not_know(self, door: Door) -> None:
        assert await door.provider.charge("pi_nobody") is None
        with pytest.raises(UnknownCharge):
            await door.provider.refund(payment(capture(), "pi_nobody"))
