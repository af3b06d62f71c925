"""I4: no stuck money, by the provider's own ledger."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from scenarios.checker.snapshot import Snapshot


def kept_is_expected(snapshot: Snapshot) -> Iterator[str]:
    """I4. Captured minus refunded is the price of a confirmed booking, and nothing otherwise."""
    kept: defaultdict[str, Counter[str]] = defaultdict(Counter)
    charges = {charge["paymentId"]: charge for charge in snapshot.charges}
    for charge in snapshot.charges:
        kept[charge["intentId"]][charge["currency"]] += charge["amount"]
    for refund in snapshot.refunds:
        refunded = charges.get(refund["paymentId"])
        if refunded is None:
            yield f"{refund['paymentId']} was refunded and never charged"
        else:
            kept[refunded["intentId"]][refund["currency"]] -= refund["amount"]
    for intent_id in kept.keys() | snapshot.bookings.keys():
        booking = snapshot.bookings.get(intent_id)
        confirmed = booking is not None and booking["state"] == "confirmed"
        expected = Counter(
            {booking["currency"]: booking["amount"]} if booking and confirmed else {}
        )
        if kept[intent_id] != expected:
            state = booking["state"] if booking else "unknown to the booking service"
            yield (
                f"of {intent_id}, which is {state}, {_words(kept[intent_id])} is kept"
                f" instead of {_words(expected)}"
            )
    yield from _ledgers_agree(snapshot)


def _ledgers_agree(snapshot: Snapshot) -> Iterator[str]:
    refunded = {refund["paymentId"] for refund in snapshot.refunds}
    charged = {charge["paymentId"] for charge in snapshot.charges}
    for payment_id in charged - snapshot.payments.keys():
        yield f"the charge {payment_id} never became a payment"
    for payment_id, payment in snapshot.payments.items():
        if payment_id not in charged:
            yield f"the payment {payment_id} is not in the provider's ledger"
        if (payment["state"] == "refunded") != (payment_id in refunded):
            yield f"the payment {payment_id} is {payment['state']}; the provider says otherwise"
        booking = snapshot.bookings.get(payment["intent_id"])
        held = booking and booking["payment"] and booking["payment"]["payment_id"]
        pays = booking is not None and booking["state"] == "confirmed" and held == payment_id
        if (payment["state"] == "settled") != pays:
            yield f"the payment {payment_id} is {payment['state']}, but its booking says otherwise"


def _words(amounts: Counter[str]) -> str:
    return " and ".join(f"{amount} {code}" for code, amount in amounts.items() if amount) or "0"
