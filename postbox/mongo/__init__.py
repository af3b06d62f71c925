"""postbox.mongo"""

from postbox.mongo.clock import DatabaseClock
from postbox.mongo.connection import (
    Client,
    Database,
    Document,
    connect,
    create_collections,
    own_database,
)
from postbox.mongo.errors import bounded, database_errors, is_refused, is_unavailable
from postbox.mongo.states import States
from postbox.mongo.transaction import Session, transaction

__all__ = [
    "Client",
    "Database",
    "DatabaseClock",
    "Document",
    "Session",
    "States",
    "bounded",
    "connect",
    "create_collections",
    "database_errors",
    "is_refused",
    "is_unavailable",
    "own_database",
    "transaction",
]
