"""MongoDB: connections, the one function that opens a transaction, the database's clock.

Guarantees majority writes and snapshot reads on the primary, a bound on every operation, and that
a decision is never written to a state that it did not read. Imports errors, runtime and tls.
"""

from postbox.mongo.calls import answer, at_once
from postbox.mongo.clients import ASYNC, Kind
from postbox.mongo.clock import DatabaseClock
from postbox.mongo.connection import (
    Client,
    Database,
    Document,
    Session,
    connect,
    own_database,
    reopen,
)
from postbox.mongo.errors import bounded, database_errors, is_refused, is_unavailable, reason
from postbox.mongo.schema import check_server, ensure_collections, ensure_indexes, try_write
from postbox.mongo.states import States
from postbox.mongo.transactions import TIMEOUT_S, is_retried, run_transaction, transaction

__all__ = [
    "ASYNC",
    "TIMEOUT_S",
    "Client",
    "Database",
    "DatabaseClock",
    "Document",
    "Kind",
    "Session",
    "States",
    "answer",
    "at_once",
    "bounded",
    "check_server",
    "connect",
    "database_errors",
    "ensure_collections",
    "ensure_indexes",
    "is_refused",
    "is_retried",
    "is_unavailable",
    "own_database",
    "reason",
    "reopen",
    "run_transaction",
    "transaction",
    "try_write",
]
