"""What the ledger holds, as rows for Stripe's objects, and the tables that only this door needs."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS stripe_declines ( -- attempts to pay that took no money
    seq INTEGER PRIMARY KEY,
    payment_id TEXT NOT NULL UNIQUE,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    metadata TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS stripe_refund_metadata (
    refund_id TEXT PRIMARY KEY,
    metadata TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stripe_events (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    body TEXT NOT NULL                       -- the whole event, as it is sent
);
"""


@dataclass(frozen=True, kw_only=True)
class Table:
    """What is listed as one kind of object; `key` is the column of its id."""

    kind: str
    select: str
    key: str = "id"


ATTEMPTS: Final = Table(
    kind="payment_intent",
    select="SELECT seq, payment_id AS id, intent_id, user_id, amount, currency, metadata, refunded,"
    " EXISTS (SELECT 1 FROM disputes d WHERE d.payment_id = charges.payment_id) AS disputed,"
    " 0 AS declined FROM charges"
    " UNION ALL SELECT seq, payment_id, '', '', amount, currency, metadata, 0, 0, 1"
    " FROM stripe_declines",
)
"""A charge, or an attempt that was declined: each is one PaymentIntent with one Charge."""
REFUNDS: Final = Table(
    kind="refund",
    select="SELECT r.seq, r.refund_id AS id, r.payment_id, r.amount, r.currency, r.status,"
    " m.metadata FROM refunds r"
    " LEFT JOIN stripe_refund_metadata m ON m.refund_id = r.refund_id",
)
DISPUTES: Final = Table(
    kind="dispute",
    select="SELECT d.seq, d.dispute_id AS id, d.payment_id, d.amount, c.currency, d.status"
    " FROM disputes d JOIN charges c ON c.payment_id = d.payment_id",
)
EVENTS: Final = Table(kind="event", select="SELECT seq, id, type, body FROM stripe_events")

Row = Mapping[str, Any]


class Rows:
    """Reads the ledger; `where` is of our own making, its parameters are named."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.executescript(SCHEMA)

    def one(self, table: Table, id_: str) -> Row | None:
        found = self.some(table, "id = :id", {"id": id_}, limit=1)
        return found[0] if found else None

    def some(
        self,
        table: Table,
        where: str,
        parameters: Mapping[str, Any],
        *,
        limit: int,
        oldest_first: bool = False,
    ) -> list[Row]:
        cursor = self._connection.cursor()
        cursor.row_factory = sqlite3.Row
        order = "ASC" if oldest_first else "DESC"
        query = f"SELECT * FROM ({table.select}) WHERE {where} ORDER BY seq {order} LIMIT :limit"
        return [dict(row) for row in cursor.execute(query, {**parameters, "limit": limit})]

    def payment_of(self, charge_id: str) -> str:
        """The payment whose charge this is, should there be one."""
        rest = charge_id.removeprefix("ch_")
        return f"pi_{rest}" if self.one(ATTEMPTS, f"pi_{rest}") else rest

    def add_decline(self, seq: int, payment_id: str, amount: int, currency: str, note: str) -> None:
        self._connection.execute(
            "INSERT INTO stripe_declines VALUES (?, ?, ?, ?, ?)",
            (seq, payment_id, amount, currency, note),
        )

    def add_refund_metadata(self, refund_id: str, metadata: Mapping[str, str]) -> None:
        self._connection.execute(
            "INSERT INTO stripe_refund_metadata VALUES (?, ?)",
            (refund_id, orjson.dumps(metadata).decode()),
        )

    def add_event(self, seq: int, id_: str, type_: str, body: str) -> None:
        query = "INSERT INTO stripe_events VALUES (?, ?, ?, ?)"
        self._connection.execute(query, (seq, id_, type_, body))


def charge_id(payment_id: str) -> str:
    """The one charge of a payment; `Rows.payment_of` is the way back."""
    return f"ch_{payment_id.removeprefix('pi_')}"
