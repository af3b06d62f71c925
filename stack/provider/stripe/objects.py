"""Stripe's objects, with every field that its SDK's types name; what the ledger lacks is null."""

from typing import Any, Final

import orjson

from stack.provider.stripe.rows import Row, charge_id

API_VERSION: Final = "2026-10-28.endive"
Object = dict[str, Any]

_INTENT_NULLS: Final = (
    *("allowed_payment_method_types", "application", "application_fee_amount", "canceled_at"),
    *("cancellation_reason", "customer", "customer_account", "description"),
    *("excluded_payment_method_types", "hooks", "managed_payments", "next_action"),
    *("on_behalf_of", "payment_details", "payment_method_configuration_details"),
    *("payment_record", "presentment_details", "processing", "receipt_email", "review"),
    *("setup_future_usage", "shipping", "source", "statement_descriptor"),
    *("statement_descriptor_suffix", "transfer_data", "transfer_group"),
)
_CHARGE_NULLS: Final = (
    *("application", "application_fee", "application_fee_amount", "authorization_code"),
    *("calculated_statement_descriptor", "customer", "description", "failure_balance_transaction"),
    *("level3", "on_behalf_of", "presentment_details", "radar_options", "receipt_email"),
    *("receipt_number", "receipt_url", "refunds", "review", "shipping", "source"),
    *("source_transfer", "statement_descriptor", "statement_descriptor_suffix", "transfer"),
    *("transfer_data", "transfer_group"),
)
_REFUND_NULLS: Final = (
    *("customer", "customer_account", "description", "instructions_email", "next_action"),
    *("payment_method", "presentment_details", "receipt_number", "source_transfer_reversal"),
    *("transfer_reversal",),
)
_EVIDENCE_NULLS: Final = (
    *("access_activity_log", "appeal", "billing_address", "cancellation_policy"),
    *("cancellation_policy_disclosure", "cancellation_rebuttal", "customer_communication"),
    *("customer_email_address", "customer_name", "customer_purchase_ip", "customer_signature"),
    *("duplicate_charge_documentation", "duplicate_charge_explanation", "duplicate_charge_id"),
    *("product_description", "receipt", "refund_policy", "refund_policy_disclosure"),
    *("refund_refusal_explanation", "service_date", "service_documentation", "shipping_address"),
    *("shipping_carrier", "shipping_date", "shipping_documentation", "shipping_tracking_number"),
    *("uncategorized_file", "uncategorized_text"),
)
_DISPUTE_STATUS: Final = {"open": "needs_response", "won": "won", "lost": "lost"}
_EVIDENCE_DUE_S: Final = 7 * 24 * 3_600
DECLINED: Final = "Your card was declined."


def created(row: Row) -> int:
    """Seconds since 1970, as all of Stripe's times."""
    return int(row["seq"]) // 1_000_000


def payment_intent(row: Row) -> Object:
    amount, declined = row["amount"], bool(row["declined"])
    charge = charge_id(row["id"])
    return {
        **dict.fromkeys(_INTENT_NULLS),
        "id": row["id"],
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0 if declined else amount,
        "automatic_payment_methods": {"allow_redirects": "never", "enabled": True},
        "capture_method": "automatic",
        "client_secret": f"{row['id']}_secret_simulated",
        "confirmation_method": "automatic",
        "created": created(row),
        "currency": row["currency"].lower(),
        "last_payment_error": _payment_error(charge) if declined else None,
        "latest_charge": charge,
        "livemode": False,
        "metadata": _metadata(row),
        "payment_method": None if declined else _method(row["id"]),
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "status": "requires_payment_method" if declined else "succeeded",
    }


def _payment_error(charge: str) -> Object:
    return {
        "type": "card_error",
        "code": "card_declined",
        "decline_code": "generic_decline",
        "message": DECLINED,
        "charge": charge,
    }


def charge(row: Row) -> Object:
    amount, declined = row["amount"], bool(row["declined"])
    taken = 0 if declined else amount
    address = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    return {
        **dict.fromkeys(_CHARGE_NULLS),
        "id": charge_id(row["id"]),
        "object": "charge",
        "amount": amount,
        "amount_captured": taken,
        "amount_refunded": row["refunded"],
        "balance_transaction": None if declined else f"txn_{row['seq']}",
        "billing_details": {
            "address": address,
            **dict.fromkeys(("email", "name", "phone", "tax_id")),
        },
        "captured": not declined,
        "created": created(row),
        "currency": row["currency"].lower(),
        "disputed": bool(row["disputed"]),
        "failure_code": "card_declined" if declined else None,
        "failure_message": DECLINED if declined else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": _metadata(row),
        "outcome": _outcome(declined),
        "paid": not declined,
        "payment_intent": row["id"],
        "payment_method": _method(row["id"]),
        "payment_method_details": {
            "type": "card",
            "card": {"brand": "visa", "last4": "4242", "country": "US", "funding": "credit"},
        },
        "refunded": bool(taken) and row["refunded"] == taken,
        "status": "failed" if declined else "succeeded",
    }


def _outcome(declined: bool) -> Object:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network" if declined else "approved_by_network",
        "reason": "generic_decline" if declined else None,
        "risk_level": "normal",
        "seller_message": "The bank did not approve." if declined else "Payment complete.",
        "type": "issuer_declined" if declined else "authorized",
    }


def refund(row: Row) -> Object:
    has_failed = row["status"] == "failed"
    return {
        **dict.fromkeys(_REFUND_NULLS),
        "id": row["id"],
        "object": "refund",
        "amount": row["amount"],
        "balance_transaction": f"txn_{row['seq']}",
        "charge": charge_id(row["payment_id"]),
        "created": created(row),
        "currency": row["currency"].lower(),
        "destination_details": {"type": "card", "card": {"type": "refund"}},
        "failure_balance_transaction": f"txn_{row['seq']}_failed" if has_failed else None,
        "failure_reason": "unknown" if has_failed else None,
        "metadata": _metadata(row),
        "payment_intent": row["payment_id"],
        "pending_reason": "processing" if row["status"] == "pending" else None,
        "reason": None,
        "status": row["status"],
    }


def dispute(row: Row) -> Object:
    enhanced: Object = {}
    return {
        "id": row["id"],
        "object": "dispute",
        "amount": row["amount"],
        "balance_transactions": [],
        "charge": charge_id(row["payment_id"]),
        "created": created(row),
        "currency": row["currency"].lower(),
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(_EVIDENCE_NULLS), "enhanced_evidence": enhanced},
        "evidence_details": {
            "due_by": created(row) + _EVIDENCE_DUE_S,
            "enhanced_eligibility": enhanced,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": None,
        },
        "intended_submission_method": None,
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "network_reason_code": "10.4",
        "payment_intent": row["payment_id"],
        "payment_method_details": {
            "type": "card",
            "card": {"brand": "visa", "case_type": "chargeback", "network_reason_code": "10.4"},
        },
        "reason": "fraudulent",
        "status": _DISPUTE_STATUS[row["status"]],
    }


def event(seq: int, id_: str, type_: str, about: Object, key: str | None) -> Object:
    return {
        "id": id_,
        "object": "event",
        "account": None,
        "api_version": API_VERSION,
        "context": None,
        "created": seq // 1_000_000,
        "data": {"object": about},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": f"req_{seq}" if key else None, "idempotency_key": key},
        "type": type_,
    }


def _method(payment_id: str) -> str:
    return f"pm_{payment_id.removeprefix('pi_')}"


def _metadata(row: Row) -> dict[str, str]:
    """Charges of the first door show what Stripe's callers would have put into the metadata."""
    names = {"intent_id": row.get("intent_id"), "user_id": row.get("user_id")}
    note = orjson.loads(row["metadata"] or "{}")
    kept = {name: value if isinstance(value, str) else str(value) for name, value in note.items()}
    return {**{name: value for name, value in names.items() if value}, **kept}
