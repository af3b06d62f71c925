"""I4: no stuck money, by the provider's own ledger."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from scenarios.checker.snapshot import Snapshot
from scenarios.clients.connections import Document


@dataclass(frozen=True, kw_only=True)
class Account:
    """One charge by the provider's ledger, in minor units of its currency."""

    charge: Document
    back: int
    """Refunds that did not fail, those on their way too, and lost disputes."""
    disputed: int

    @property
    def kept(self) -> int:
        return int(self.charge["amount"]) - self.back

    @property
    def price(self) -> tuple[int, str]:
        return self.charge["amount"], self.charge["currency"]


def kept_is_expected(snapshot: Snapshot) -> Iterator[str]:
    """I4. Captured minus refunded minus charged back is the price of a confirmed booking, less what
    somebody gave back of it in part, and nothing otherwise. An open dispute is waited for."""
    accounts = _accounts(snapshot)
    for payment_id, account in accounts.items():
        intent_id = account.charge["intentId"]
        if _pays(snapshot, intent_id, payment_id):
            if account.kept <= 0:
                yield f"{intent_id} is confirmed, but nothing is kept of {payment_id}"
        elif account.kept != account.disputed:
            booking = snapshot.bookings.get(intent_id)
            state = booking["state"] if booking else "unknown to the booking service"
            yield f"of {intent_id}, which is {state}, {account.kept} of {payment_id} is kept"
        if account.kept < account.disputed:
            yield f"more than {payment_id} went back"
    for intent_id, booking in snapshot.bookings.items():
        if booking["state"] == "confirmed":
            held = accounts.get(booking["payment"]["payment_id"]) if booking["payment"] else None
            paid = held and held.price
            if paid != (booking["amount"], booking["currency"]):
                yield f"{intent_id} is confirmed, and paid with {paid}"
    yield from _currencies(snapshot, accounts)
    yield from _ledgers_agree(snapshot, accounts)


def _accounts(snapshot: Snapshot) -> dict[str, Account]:
    def total(entries: Collection[Document], payment_id: str, *statuses: str) -> int:
        return sum(
            one["amount"]
            for one in entries
            if one["paymentId"] == payment_id and one["status"] in statuses
        )

    refunds, disputes = _by_payment(snapshot.refunds), _by_payment(snapshot.disputes)
    found = {}
    for charge in snapshot.charges:
        payment_id = charge["paymentId"]
        refunded = total(refunds.get(payment_id, ()), payment_id, "pending", "succeeded")
        lost = total(disputes.get(payment_id, ()), payment_id, "lost")
        found[payment_id] = Account(
            charge=charge,
            back=refunded + lost,
            disputed=total(disputes.get(payment_id, ()), payment_id, "open"),
        )
    return found


def _by_payment(entries: Collection[Document]) -> dict[str, list[Document]]:
    found: dict[str, list[Document]] = {}
    for entry in entries:
        found.setdefault(entry["paymentId"], []).append(entry)
    return found


def _pays(snapshot: Snapshot, intent_id: str, payment_id: str) -> bool:
    """Whether the intent's booking stands on this payment."""
    booking = snapshot.bookings.get(intent_id)
    held = booking and booking["payment"] and booking["payment"]["payment_id"]
    return booking is not None and booking["state"] == "confirmed" and held == payment_id


def _currencies(snapshot: Snapshot, accounts: Mapping[str, Account]) -> Iterator[str]:
    for refund in snapshot.refunds:
        account = accounts.get(refund["paymentId"])
        if account is None:
            yield f"{refund['paymentId']} was refunded and never charged"
        elif account.charge["currency"] != refund["currency"]:
            yield f"{refund['paymentId']} was refunded in {refund['currency']}"


def _ledgers_agree(snapshot: Snapshot, accounts: Mapping[str, Account]) -> Iterator[str]:
    for payment_id in accounts.keys() - snapshot.payments.keys():
        yield f"the charge {payment_id} never became a payment"
    for payment_id, payment in snapshot.payments.items():
        if payment_id not in accounts:
            yield f"the payment {payment_id} is not in the provider's ledger"
        pays = _pays(snapshot, payment["intent_id"], payment_id)
        if (payment["verdict"] == "settled") != pays:
            yield f"the payment {payment_id} is {payment['state']}, but its booking says otherwise"
    yield from _moves_agree("refundId", snapshot.refunds, snapshot.known_refunds)
    yield from _moves_agree("disputeId", snapshot.disputes, snapshot.known_disputes)


def _moves_agree(
    key: str, there: Collection[Document], here: Mapping[str, Document]
) -> Iterator[str]:
    """The payment service knows of every refund and dispute, and how far it has come."""
    said = {entry[key]: (entry["amount"], entry["status"]) for entry in there}
    known = {id_: (row["amount"], row["status"]) for id_, row in here.items()}
    for id_ in said.keys() | known.keys():
        if said.get(id_) != known.get(id_):
            yield f"the provider has {id_} as {said.get(id_)}, the payment service {known.get(id_)}"
