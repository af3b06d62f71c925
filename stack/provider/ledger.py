"""The ledger: every charge, refund and dispute, and the answer given to every idempotency key.

Its writers run inside the caller's transaction. What goes back, is on its way or is disputed is
together never more than was captured.
"""

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import orjson

from stack.provider.problems import Problem

Operation = Literal["captures", "refunds", "stripe"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CHARGE = "seq, payment_id, intent_id, user_id, amount, currency, metadata, refunded"
REFUND = "seq, refund_id, payment_id, amount, currency, idempotency_key, status, revision"
DISPUTE = "seq, dispute_id, payment_id, amount, status, revision"
RefundStatus = Literal["pending", "succeeded", "failed"]
DisputeStatus = Literal["open", "won", "lost"]


@dataclass(frozen=True, kw_only=True)
class Charge:
    payment_id: str
    intent_id: str
    user_id: str
    amount: int
    currency: str
    metadata: dict[str, Any] | None = None

    def entry(self) -> dict[str, Any]:
        """As the webhook and the ledger show it."""
        entry: dict[str, Any] = {
            "paymentId": self.payment_id,
            "intentId": self.intent_id,
            "userId": self.user_id,
            "amount": self.amount,
            "currency": self.currency,
        }
        return entry if self.metadata is None else {**entry, "metadata": self.metadata}

    def same_charge(self, other: "Charge") -> bool:
        """Equal in everything but the metadata, which is a note."""
        mine = (self.payment_id, self.intent_id, self.user_id, self.amount, self.currency)
        return mine == (
            other.payment_id,
            other.intent_id,
            other.user_id,
            other.amount,
            other.currency,
        )


@dataclass(frozen=True, kw_only=True)
class Refund:
    refund_id: str
    payment_id: str
    amount: int
    currency: str
    idempotency_key: str
    status: RefundStatus

    def entry(self) -> dict[str, Any]:
        return {
            "refundId": self.refund_id,
            "paymentId": self.payment_id,
            "amount": self.amount,
            "currency": self.currency,
            "idempotencyKey": self.idempotency_key,
            "status": self.status,
        }


@dataclass(frozen=True, kw_only=True)
class Dispute:
    dispute_id: str
    payment_id: str
    amount: int
    status: DisputeStatus

    def entry(self) -> dict[str, Any]:
        return {
            "disputeId": self.dispute_id,
            "paymentId": self.payment_id,
            "amount": self.amount,
            "status": self.status,
        }


@dataclass(frozen=True, kw_only=True)
class Balance:
    """Where the money of one charge is, in minor units."""

    captured: int
    refunded: int
    disputed: int
    charged_back: int

    @property
    def refundable(self) -> int:
        return self.captured - self.refunded - self.disputed - self.charged_back

    def entry(self) -> dict[str, int]:
        return {
            "captured": self.captured,
            "refunded": self.refunded,
            "disputed": self.disputed,
            "chargedBack": self.charged_back,
            "refundable": self.refundable,
        }


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an idempotency key was answered, and is answered forever."""

    status: int
    body: bytes
    fingerprint: bytes


class Ledger:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._last_seq = self.newest()

    def newest(self) -> int:
        """The revision of the entry that was made or changed last; 0 in an empty ledger."""
        query = (
            "SELECT max(ifnull((SELECT max(seq) FROM charges), 0),"
            " ifnull((SELECT max(revision) FROM refunds), 0),"
            " ifnull((SELECT max(revision) FROM disputes), 0))"
        )
        (seq,) = self._connection.execute(query).fetchone()
        return int(seq)

    def next_seq(self) -> int:
        """The revision of the next entry."""
        self._last_seq = max(self._last_seq + 1, time.time_ns() // 1_000)
        return self._last_seq

    def charge(self, payment_id: str) -> Charge | None:
        row = self._charge_row(payment_id)
        return None if row is None else _charge(row)

    def _charge_row(self, payment_id: str) -> Any:
        query = f"SELECT {CHARGE} FROM charges WHERE payment_id = ?"
        return self._connection.execute(query, (payment_id,)).fetchone()

    def add_charge(self, charge: Charge) -> None:
        metadata = None if charge.metadata is None else orjson.dumps(charge.metadata).decode()
        self._connection.execute(
            f"INSERT INTO charges ({CHARGE}) VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
            (
                self.next_seq(),
                charge.payment_id,
                charge.intent_id,
                charge.user_id,
                charge.amount,
                charge.currency,
                metadata,
            ),
        )

    def balance(self, payment_id: str) -> Balance:
        """A Problem of 404 where the charge is unknown."""
        row = self._charge_row(payment_id)
        if row is None:
            raise Problem(404, "payment-unknown", f"no payment {payment_id}")
        query = "SELECT status, sum(amount) FROM disputes WHERE payment_id = ? GROUP BY status"
        disputes = dict(self._connection.execute(query, (payment_id,)).fetchall())
        return Balance(
            captured=row[4],
            refunded=row[7],
            disputed=disputes.get("open", 0),
            charged_back=disputes.get("lost", 0),
        )

    def add_refund(self, refund: Refund, settles: int | None, settles_as: str | None) -> None:
        """A Problem of 404 or 422, and nothing written, where the charge does not allow it."""
        balance = self.balance(refund.payment_id)
        currency = self._charge_row(refund.payment_id)[5]
        if refund.currency != currency:
            raise Problem(422, "currency-mismatch", f"currency: captured in {currency}")
        _expect_left(balance, refund.amount)
        seq = self.next_seq()
        self._connection.execute(
            f"INSERT INTO refunds ({REFUND}, settles, settles_as)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                seq,
                refund.refund_id,
                refund.payment_id,
                refund.amount,
                refund.currency,
                refund.idempotency_key,
                refund.status,
                seq,
                settles,
                settles_as,
            ),
        )
        self._count_refunded(refund.payment_id, refund.amount)

    def settle_refund(self, refund_id: str, status: RefundStatus) -> Refund | None:
        """The refund in its new status; None where that is no change. A Problem of 404 or 409."""
        row = self._connection.execute(
            f"SELECT {REFUND} FROM refunds WHERE refund_id = ?", (refund_id,)
        ).fetchone()
        if row is None:
            raise Problem(404, "refund-unknown", f"no refund {refund_id}")
        refund = _refund(row)
        if refund.status == status:
            return None
        if refund.status == "failed":
            raise Problem(409, "refund-failed", f"{refund_id} has failed for good")
        self._connection.execute(
            "UPDATE refunds SET status = ?, revision = ?, settles = NULL WHERE refund_id = ?",
            (status, self.next_seq(), refund_id),
        )
        if status == "failed":
            self._count_refunded(refund.payment_id, -refund.amount)
        return replace(refund, status=status)

    def refunds_to_settle(self, now_ms: int) -> list[tuple[str, RefundStatus]]:
        """The refunds that leave `pending` by now, and as what."""
        query = "SELECT refund_id, settles_as FROM refunds WHERE settles <= ? ORDER BY settles"
        return self._connection.execute(query, (now_ms,)).fetchall()

    def _count_refunded(self, payment_id: str, amount: int) -> None:
        self._connection.execute(
            "UPDATE charges SET refunded = refunded + ? WHERE payment_id = ?", (amount, payment_id)
        )

    def add_dispute(self, dispute: Dispute) -> None:
        """A Problem of 404 or 422, and nothing written, where the charge does not allow it."""
        _expect_left(self.balance(dispute.payment_id), dispute.amount)
        seq = self.next_seq()
        self._connection.execute(
            f"INSERT INTO disputes ({DISPUTE}) VALUES (?, ?, ?, ?, ?, ?)",
            (seq, dispute.dispute_id, dispute.payment_id, dispute.amount, dispute.status, seq),
        )

    def close_dispute(self, dispute_id: str, outcome: DisputeStatus) -> Dispute | None:
        """The dispute as it ended; None where it had ended so before. A Problem of 404 or 409."""
        row = self._connection.execute(
            f"SELECT {DISPUTE} FROM disputes WHERE dispute_id = ?", (dispute_id,)
        ).fetchone()
        if row is None:
            raise Problem(404, "dispute-unknown", f"no dispute {dispute_id}")
        dispute = _dispute(row)
        if dispute.status == outcome:
            return None
        if dispute.status != "open":
            raise Problem(409, "dispute-closed", f"{dispute_id} was {dispute.status}")
        self._connection.execute(
            "UPDATE disputes SET status = ?, revision = ? WHERE dispute_id = ?",
            (outcome, self.next_seq(), dispute_id),
        )
        return replace(dispute, status=outcome)

    def answer(self, operation: Operation, key: str) -> Answer | None:
        row = self._connection.execute(
            "SELECT status, body, fingerprint FROM answers WHERE operation = ? AND key = ?",
            (operation, key),
        ).fetchone()
        return None if row is None else Answer(status=row[0], body=row[1], fingerprint=row[2])

    def add_answer(self, operation: Operation, key: str, answer: Answer) -> None:
        self._connection.execute(
            "INSERT INTO answers (operation, key, fingerprint, status, body) VALUES (?,?,?,?,?)",
            (operation, key, answer.fingerprint, answer.status, answer.body),
        )

    def forget_answers(self) -> None:
        """As a provider does when its keys are old; the same key is a new request then."""
        self._connection.execute("DELETE FROM answers")

    def charges(self, *, after: int, until: int, limit: int) -> list[dict[str, Any]]:
        """Entries with after < revision <= until, oldest first, each with its `seq` and `at`.

        `seq` is the entry's revision; `at` is when it was made.
        """
        rows = self._rows("charges", CHARGE, "seq", after, until, limit)
        return [_dated(row[0], row[0], _charge(row).entry()) for row in rows]

    def refunds(self, *, after: int, until: int, limit: int) -> list[dict[str, Any]]:
        rows = self._rows("refunds", REFUND, "revision", after, until, limit)
        return [_dated(row[7], row[0], _refund(row).entry()) for row in rows]

    def disputes(self, *, after: int, until: int, limit: int) -> list[dict[str, Any]]:
        rows = self._rows("disputes", DISPUTE, "revision", after, until, limit)
        return [_dated(row[5], row[0], _dispute(row).entry()) for row in rows]

    def of_charge(self, payment_id: str) -> dict[str, Any]:
        """A charge with its refunds and disputes. A Problem of 404 where it is unknown."""
        row = self._charge_row(payment_id)
        if row is None:
            raise Problem(404, "payment-unknown", f"no payment {payment_id}")
        query = "SELECT {} FROM {} WHERE payment_id = ? ORDER BY seq"
        refunds = self._connection.execute(query.format(REFUND, "refunds"), (payment_id,))
        disputes = self._connection.execute(query.format(DISPUTE, "disputes"), (payment_id,))
        return {
            "charges": [_dated(row[0], row[0], _charge(row).entry())],
            "refunds": [_dated(one[7], one[0], _refund(one).entry()) for one in refunds],
            "disputes": [_dated(one[5], one[0], _dispute(one).entry()) for one in disputes],
        }

    def with_charges(self, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Each of a page's refunds or disputes, with the charge that it is of."""
        return [{**entry, **self.of(entry["paymentId"])} for entry in entries]

    def of(self, payment_id: str) -> dict[str, Any]:
        """What an entry says of its charge, whose metadata is carried on."""
        charge = self.charge(payment_id)
        assert charge is not None
        whole = charge.entry()
        metadata = {"metadata": whole.pop("metadata")} if "metadata" in whole else {}
        return {"intentId": charge.intent_id, "charge": whole, **metadata}

    def _rows(
        self, table: str, columns: str, revision: str, after: int, until: int, limit: int
    ) -> Iterator[tuple[Any, ...]]:
        return self._connection.execute(
            f"SELECT {columns} FROM {table} WHERE {revision} > ? AND {revision} <= ?"
            f" ORDER BY {revision} LIMIT ?",
            (after, until, limit),
        )


def _expect_left(balance: Balance, amount: int) -> None:
    """Refuse to give back or dispute more than is left, and say what is."""
    if amount <= balance.refundable:
        return
    kind = "amount-exceeds-refundable" if balance.refundable else "already-refunded"
    detail = f"amount: {balance.refundable} of {balance.captured} left"
    raise Problem(422, kind, detail, **balance.entry())


def _charge(row: tuple[Any, ...]) -> Charge:
    _, payment_id, intent_id, user_id, amount, currency, metadata, _ = row
    return Charge(
        payment_id=payment_id,
        intent_id=intent_id,
        user_id=user_id,
        amount=amount,
        currency=currency,
        metadata=None if metadata is None else orjson.loads(metadata),
    )


def _refund(row: tuple[Any, ...]) -> Refund:
    _, refund_id, payment_id, amount, currency, idempotency_key, status, _ = row
    return Refund(
        refund_id=refund_id,
        payment_id=payment_id,
        amount=amount,
        currency=currency,
        idempotency_key=idempotency_key,
        status=status,
    )


def _dispute(row: tuple[Any, ...]) -> Dispute:
    _, dispute_id, payment_id, amount, status, _ = row
    return Dispute(dispute_id=dispute_id, payment_id=payment_id, amount=amount, status=status)


def _dated(seq: int, made: int, entry: dict[str, Any]) -> dict[str, Any]:
    at = (EPOCH + timedelta(microseconds=made)).isoformat(timespec="microseconds")
    return {"seq": seq, **entry, "at": at.replace("+00:00", "Z")}
