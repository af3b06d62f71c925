"""Stripe's objects as reports of charges, refunds and disputes.

Nothing is checked here: a report of what is missing or odd is one that the intake cannot read.
"""

from collections.abc import Mapping
from typing import Any, Final

Object = Mapping[str, Any]

CAPTURE_ID: Final = "capture_id"
IDEMPOTENCY_KEY: Final = "idempotency_key"
_REFUND_STATUS: Final = {
    "pending": "pending",
    "requires_action": "pending",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}
_DISPUTE_STATUS: Final = {
    "needs_response": "open",
    "under_review": "open",
    "appeal_needs_response": "open",
    "appeal_under_review": "open",
    "won": "won",
    "lost": "lost",
}
"""Not among them: inquiries (`warning_...`) and `prevented`, which move no money."""


def is_paid(intent: Object) -> bool:
    return intent.get("status") == "succeeded"


def moves_money(dispute: Object) -> bool:
    return dispute.get("status") in _DISPUTE_STATUS


def metadata_of(thing: Object) -> Mapping[str, Any]:
    """An object of Stripe's may have none."""
    found = thing.get("metadata")
    return found if isinstance(found, Mapping) else {}


def charge_report(intent: Object) -> dict[str, Any]:
    """Of a PaymentIntent that succeeded."""
    note = metadata_of(intent)
    report = {
        "paymentId": intent.get("id"),
        "intentId": note.get("intent_id"),
        "userId": note.get("user_id"),
        "amount": intent.get("amount_received"),
        "currency": _upper(intent.get("currency")),
        **_trace(note),
    }
    return {**report, "captureId": note[CAPTURE_ID]} if CAPTURE_ID in note else report


def refund_report(refund: Object, intent: Object) -> dict[str, Any]:
    """Of a refund, whoever asked for it, and the PaymentIntent that it is of."""
    status = refund.get("status")
    return {
        "refundId": refund.get("id"),
        "paymentId": intent.get("id"),
        "amount": refund.get("amount"),
        "status": _REFUND_STATUS.get(str(status), status),
        "idempotencyKey": metadata_of(refund).get(IDEMPOTENCY_KEY, ""),
        "charge": charge_report(intent),
        **_trace(metadata_of(intent)),
    }


def dispute_report(dispute: Object, intent: Object) -> dict[str, Any]:
    """Of a dispute that moves money, and the PaymentIntent that it is of."""
    return {
        "disputeId": dispute.get("id"),
        "paymentId": intent.get("id"),
        "amount": dispute.get("amount"),
        "status": _DISPUTE_STATUS.get(str(dispute.get("status"))),
        "charge": charge_report(intent),
        **_trace(metadata_of(intent)),
    }


def _trace(note: Mapping[str, Any]) -> dict[str, Any]:
    return {"metadata": {"traceparent": note["traceparent"]}} if "traceparent" in note else {}


def _upper(currency: object) -> object:
    return currency.upper() if isinstance(currency, str) else currency
