"""The SQLite file behind the simulator: its schema, its settings, its transactions.

One process at a time (the file is locked for as long as it runs), one connection, one thread: so
transactions never meet, and an entry's seq is drawn in the order of the commits.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS charges (
    seq INTEGER PRIMARY KEY,            -- microseconds since 1970, strictly increasing
    payment_id TEXT NOT NULL UNIQUE,
    intent_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    amount INTEGER NOT NULL,            -- minor units
    currency TEXT NOT NULL,
    metadata TEXT,                      -- JSON
    refunded INTEGER NOT NULL DEFAULT 0 -- sum of its refunds that did not fail, minor units
);
CREATE TABLE IF NOT EXISTS refunds (
    seq INTEGER PRIMARY KEY,
    refund_id TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'succeeded',
    revision INTEGER NOT NULL DEFAULT 0, -- as seq, drawn anew when the status changes
    settles INTEGER,                    -- when it leaves 'pending', milliseconds since 1970
    settles_as TEXT
);
CREATE TABLE IF NOT EXISTS disputes (
    seq INTEGER PRIMARY KEY,
    dispute_id TEXT NOT NULL UNIQUE,
    payment_id TEXT NOT NULL,
    amount INTEGER NOT NULL,
    status TEXT NOT NULL,
    revision INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS answers (
    operation TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    status INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (operation, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS webhooks (   -- pending ones only: a row goes with its last sending
    id INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL,
    body TEXT NOT NULL,
    due INTEGER NOT NULL,               -- milliseconds since 1970
    sendings INTEGER NOT NULL,          -- successful ones still to come
    attempts INTEGER NOT NULL DEFAULT 0 -- failed ones in a row
);
CREATE INDEX IF NOT EXISTS webhooks_due ON webhooks (due);
CREATE INDEX IF NOT EXISTS disputes_revision ON disputes (revision);
CREATE INDEX IF NOT EXISTS disputes_payment ON disputes (payment_id);
CREATE INDEX IF NOT EXISTS refunds_payment ON refunds (payment_id);
"""
ADDED = {
    "status": "TEXT NOT NULL DEFAULT 'succeeded'",
    "revision": "INTEGER NOT NULL DEFAULT 0",
    "settles": "INTEGER",
    "settles_as": "TEXT",
}
"""Columns of `refunds` that a ledger of an earlier version lacks."""
INDEXES_OF_ADDED = """
CREATE UNIQUE INDEX IF NOT EXISTS refunds_revision ON refunds (revision);
CREATE UNIQUE INDEX IF NOT EXISTS refunds_id ON refunds (refund_id);
CREATE INDEX IF NOT EXISTS refunds_settles ON refunds (settles) WHERE settles IS NOT NULL;
"""


def open_database(path: Path) -> sqlite3.Connection:
    """Open the file and make what is missing; sqlite3.Error if it is in use or not a database."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=1.0)
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("PRAGMA journal_mode=WAL")
    # Enough against the death of this process: what is in the WAL was handed to the kernel.
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.executescript(SCHEMA)
    _bring_up_to_date(connection)
    return connection


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        known = {row[1] for row in connection.execute("PRAGMA table_info(refunds)")}
        for name, declared in ADDED.items():
            if name not in known:
                connection.execute(f"ALTER TABLE refunds ADD COLUMN {name} {declared}")
        connection.execute("UPDATE refunds SET revision = seq WHERE revision = 0")
        for statement in INDEXES_OF_ADDED.strip().split("\n"):
            connection.execute(statement)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that the block writes, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
