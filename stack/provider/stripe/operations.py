"""What Stripe's door does: PaymentIntents that are paid or declined at once, and refunds."""

from collections.abc import Callable
from typing import Annotated, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from stack.provider.execution import Executor, Reply
from stack.provider.faults import Suffered
from stack.provider.identity import new_id
from stack.provider.ledger import Answer, Charge, Ledger, Refund
from stack.provider.operations import settling
from stack.provider.orders import AFTER_THE_ANSWER, AMOUNT_MAX, WebhookOrder
from stack.provider.problems import Problem
from stack.provider.stripe import objects
from stack.provider.stripe.errors import StripeError, missing, of_problem
from stack.provider.stripe.events import StripeAnnouncements
from stack.provider.stripe.rows import ATTEMPTS, REFUNDS, Row, Rows

METADATA_ENTRIES_MAX: Final = 50
Name = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Value = Annotated[str, StringConstraints(max_length=500)]
Metadata = Annotated[dict[Name, Value], Field(max_length=METADATA_ENTRIES_MAX)]
Amount = Annotated[int, Field(ge=1, le=AMOUNT_MAX)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Parameters(BaseModel):
    """Text, as a form has it; what this door does not know is refused, as Stripe refuses it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    expand: dict[str, str] = {}


class IntentOrder(Parameters):
    amount: Amount
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{3}$", to_lower=True)]
    payment_method: Text
    confirm: Literal["true"]
    metadata: Metadata = {}
    automatic_payment_methods: dict[str, str] = {}
    capture_method: Literal["automatic", "automatic_async"] = "automatic"
    customer: Text | None = None
    description: Text | None = None
    error_on_requires_action: Literal["true", "false"] = "false"
    off_session: Literal["true", "false"] = "false"


class RefundOrder(Parameters):
    payment_intent: Text | None = None
    charge: Text | None = None
    amount: Amount | None = None
    metadata: Metadata = {}
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None


class StripeOperations:
    """Each is one transaction, once for its key."""

    def __init__(
        self,
        ledger: Ledger,
        rows: Rows,
        executor: Executor,
        announcements: StripeAnnouncements,
    ) -> None:
        self._ledger = ledger
        self._rows = rows
        self._executor = executor
        self._announcements = announcements

    def pay(self, order: IntentOrder, key: str, suffered: Suffered) -> tuple[Answer, bool]:
        """Shape of `once`; faults are used up only where the answer is not known yet."""

        def perform() -> Reply:
            webhook = suffered.webhook(WebhookOrder())
            if "decline" in order.payment_method.lower() or suffered.declines():
                return self._decline(order, key, webhook)
            charge = Charge(
                payment_id=new_id("pi"),
                intent_id=order.metadata.get("intent_id", ""),
                user_id=order.metadata.get("user_id", ""),
                amount=order.amount,
                currency=order.currency.upper(),
                metadata=dict(order.metadata),
            )
            self._ledger.add_charge(charge)
            self._announcements.charged(charge, webhook, key)
            return 200, orjson.dumps(objects.payment_intent(self._attempt(charge.payment_id)))

        return self._once("payment_intents", order, key, perform)

    def _decline(self, order: IntentOrder, key: str, webhook: WebhookOrder) -> Reply:
        payment_id, note = new_id("pi"), orjson.dumps(order.metadata).decode()
        seq, currency = self._ledger.next_seq(), order.currency.upper()
        self._rows.add_decline(seq, payment_id, order.amount, currency, note)
        self._announcements.declined(payment_id, webhook, key)
        intent = objects.payment_intent(self._attempt(payment_id))
        error = StripeError(
            402,
            "card_error",
            objects.DECLINED,
            code="card_declined",
            decline_code="generic_decline",
            charge=intent["latest_charge"],
            payment_intent=intent,
        )
        return error.status, error.body()

    def refund(
        self, order: RefundOrder, payment_id: str, key: str, suffered: Suffered
    ) -> tuple[Answer, bool]:
        """Shape of `once`. A StripeError of 404 where there is no such payment."""

        def perform() -> Reply:
            amount = order.amount or max(1, self._ledger.balance(payment_id).refundable)
            slow = suffered.slow()
            refund = Refund(
                refund_id=new_id("re"),
                payment_id=payment_id,
                amount=amount,
                currency=self._attempt(payment_id)["currency"],
                idempotency_key=key,
                status="pending" if slow else "succeeded",
            )
            try:
                self._ledger.add_refund(refund, *settling(slow))
            except Problem as problem:
                refused = of_problem(problem)
                return refused.status, refused.body()
            self._rows.add_refund_metadata(refund.refund_id, order.metadata)
            webhook = suffered.webhook(AFTER_THE_ANSWER)
            self._announcements.refund_moved(refund, webhook, is_new=True, key=key)
            row = self._rows.one(REFUNDS, refund.refund_id)
            assert row is not None
            return 200, orjson.dumps(objects.refund(row))

        attempt = self._rows.one(ATTEMPTS, payment_id)
        if attempt is None or attempt["declined"]:
            param = "payment_intent" if order.payment_intent else "charge"
            raise missing(param, payment_id, param)
        return self._once("refunds", order, key, perform)

    def _once(
        self, path: str, order: Parameters, key: str, perform: Callable[[], Reply]
    ) -> tuple[Answer, bool]:
        """A key belongs to one request, parameters and all, of whatever kind."""
        asked = {"path": path, **order.model_dump(exclude={"expand"})}
        return self._executor.once("stripe", key, asked, perform)

    def _attempt(self, payment_id: str) -> Row:
        row = self._rows.one(ATTEMPTS, payment_id)
        assert row is not None
        return row
