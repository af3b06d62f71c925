"""MongoDB: connections, the one function that opens a transaction, the database's clock.

Guarantees majority writes and snapshot reads on the primary, a bound on every operation, and that
a decision is never written to a state that it did not read. Imports errors and tls.
"""

from postbox.mongo.clock import DatabaseClock
from postbox.mongo.connection import (
    Client,
    Database,
    Document,
    connect,
    own_database,
)
from postbox.mongo.errors import bounded, database_errors, is_refused, is_unavailable, reason
from postbox.mongo.schema import check_server, ensure_collections, ensure_indexes, try_write
from postbox.mongo.states import States
from postbox.mongo.transactions import Session, transaction

__all__ = [
    "Client",
    "Database",
    "DatabaseClock",
    "Document",
    "Session",
    "States",
    "bounded",
    "check_server",
    "connect",
    "database_errors",
    "ensure_collections",
    "ensure_indexes",
    "is_refused",
    "is_unavailable",
    "own_database",
    "reason",
    "transaction",
    "try_write",
]
