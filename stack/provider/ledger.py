"""The ledger: every charge and refund ever made, and the answer given to every idempotency key.

Its writers run inside the caller's transaction; a refund never takes more than was captured.
"""

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import orjson

from stack.provider.problems import Problem

Operation = Literal["captures", "refunds"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CHARGE = "seq, payment_id, intent_id, user_id, amount, currency, metadata, refunded"
REFUND = "seq, refund_id, payment_id, amount, currency, idempotency_key"


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

    def entry(self) -> dict[str, Any]:
        return {
            "refundId": self.refund_id,
            "paymentId": self.payment_id,
            "amount": self.amount,
            "currency": self.currency,
            "idempotencyKey": self.idempotency_key,
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
        """The seq of the newest entry; 0 in an empty ledger."""
        query = (
            "SELECT max(ifnull((SELECT max(seq) FROM charges), 0),"
            " ifnull((SELECT max(seq) FROM refunds), 0))"
        )
        (seq,) = self._connection.execute(query).fetchone()
        return int(seq)

    def _next_seq(self) -> int:
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
                self._next_seq(),
                charge.payment_id,
                charge.intent_id,
                charge.user_id,
                charge.amount,
                charge.currency,
                metadata,
            ),
        )

    def add_refund(self, refund: Refund) -> None:
        """A Problem of 404 or 422, and nothing written, where the charge does not allow it."""
        row = self._charge_row(refund.payment_id)
        if row is None:
            raise Problem(404, "payment-unknown", f"no payment {refund.payment_id}")
        captured, currency, refunded = row[4], row[5], row[7]
        if refund.currency != currency:
            raise Problem(422, "currency-mismatch", f"currency: captured in {currency}")
        if refunded + refund.amount > captured:
            left = captured - refunded
            raise Problem(422, "refund-too-large", f"amount: {left} of {captured} left to refund")
        self._connection.execute(
            f"INSERT INTO refunds ({REFUND}) VALUES (?, ?, ?, ?, ?, ?)",
            (
                self._next_seq(),
                refund.refund_id,
                refund.payment_id,
                refund.amount,
                refund.currency,
                refund.idempotency_key,
            ),
        )
        self._connection.execute(
            "UPDATE charges SET refunded = refunded + ? WHERE payment_id = ?",
            (refund.amount, refund.payment_id),
        )

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

    def charges(self, *, after: int, until: int, limit: int) -> list[dict[str, Any]]:
        """Entries with after < seq <= until, oldest first, each with its `seq` and `at`."""
        rows = self._rows("charges", CHARGE, after, until, limit)
        return [_dated(row[0], _charge(row).entry()) for row in rows]

    def refunds(self, *, after: int, until: int, limit: int) -> list[dict[str, Any]]:
        rows = self._rows("refunds", REFUND, after, until, limit)
        return [_dated(row[0], _refund(row).entry()) for row in rows]

    def _rows(
        self, table: str, columns: str, after: int, until: int, limit: int
    ) -> Iterator[tuple[Any, ...]]:
        return self._connection.execute(
            f"SELECT {columns} FROM {table} WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
            (after, until, limit),
        )


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
    _, refund_id, payment_id, amount, currency, idempotency_key = row
    return Refund(
        refund_id=refund_id,
        payment_id=payment_id,
        amount=amount,
        currency=currency,
        idempotency_key=idempotency_key,
    )


def _dated(seq: int, entry: dict[str, Any]) -> dict[str, Any]:
    at = (EPOCH + timedelta(microseconds=seq)).isoformat(timespec="microseconds")
    return {"seq": seq, **entry, "at": at.replace("+00:00", "Z")}
