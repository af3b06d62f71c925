"""Connections to MongoDB, with everything that durability depends on spelled out."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pymongo
from pymongo import AsyncMongoClient, monitoring
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    ConfigurationError as MongoConfigurationError,
)
from pymongo.errors import (
    ConnectionFailure,
    ExecutionTimeout,
    InvalidURI,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from postbox import driver  # noqa: F401 - for what it repairs
from postbox.errors import ConfigurationError, DatabaseUnavailable

Document = dict[str, Any]
Client = AsyncMongoClient[Document]
Database = AsyncDatabase[Document]

SERVER_SELECTION_TIMEOUT_MS = 5_000
"""As long as a transaction may take: an election is waited out where its time allows."""
CONNECT_TIMEOUT_MS = 2_000
OPERATION_TIMEOUT_S = 3.0
POOL_SIZE_MAX = 32
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
WRITE_CONFLICT = 112
NO_SUCH_TRANSACTION = 251
NAMESPACE_EXISTS = 48
_TRANSIENT_CODES = {WRITE_CONFLICT, NO_SUCH_TRANSACTION}
_SERVER_CODES = {134, 262, 14031}
"""Of the server itself: majority reads not possible yet, out of its own time, out of disk space."""
_REFUSED_CODES = {13, 18, 8000}
"""Unauthorized, AuthenticationFailed, and Atlas's own, such as a quota that is used up."""
_TRANSIENT_LABELS = (
    "TransientTransactionError",
    "UnknownTransactionCommitResult",
    "RetryableWriteError",
)


def connect(
    uri: str, *, application: str, listeners: tuple[monitoring.CommandListener, ...] = ()
) -> Client:
    """A client that reads and writes by majority on the primary. It connects at first use."""
    try:
        return AsyncMongoClient(
            uri,
            appname=application,
            tz_aware=True,
            w="majority",
            journal=True,
            readConcernLevel="majority",
            readPreference="primary",
            retryWrites=True,
            retryReads=True,
            serverSelectionTimeoutMS=SERVER_SELECTION_TIMEOUT_MS,
            connectTimeoutMS=CONNECT_TIMEOUT_MS,
            maxPoolSize=POOL_SIZE_MAX,
            event_listeners=listeners,
        )
    except (InvalidURI, MongoConfigurationError, ValueError) as error:
        # What is quoted may be a part of the password.
        told = _QUOTED.sub("...", str(error))
        raise ConfigurationError(f"MONGO_URI: {told}") from None


def own_database(client: Client) -> Database:
    """The database named in the path of the client's URI; a service owns exactly one."""
    try:
        return client.get_default_database()
    except MongoConfigurationError as error:
        raise ConfigurationError("MONGO_URI: name the service's database in its path") from error


async def create_collections(database: Database, *names: str) -> None:
    """Make those that are missing, which a transaction must not. Others may do so just now too."""
    existing = await database.list_collection_names()
    for name in names:
        if name not in existing:
            try:
                await database.create_collection(name, check_exists=False)
            except OperationFailure as error:
                if error.code != NAMESPACE_EXISTS:
                    raise


def is_unavailable(error: PyMongoError) -> bool:
    """Whether the same operation may succeed later; if so it may also have been applied already.

    A server that refuses us is away too: that is a person's to mend, and no message's fault.
    """
    if isinstance(
        error,
        ConnectionFailure
        | ExecutionTimeout
        | NetworkTimeout
        | ServerSelectionTimeoutError
        | WaitQueueTimeoutError,
    ):
        return True
    if error.timeout or any(error.has_error_label(label) for label in _TRANSIENT_LABELS):
        return True
    return isinstance(error, OperationFailure) and error.code in (
        _TRANSIENT_CODES | _SERVER_CODES | _REFUSED_CODES
    )


def is_refused(error: PyMongoError) -> bool:
    """Whether the server will refuse the same until a person changes something, there or here."""
    return isinstance(error, OperationFailure) and error.code in _REFUSED_CODES


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn what a database that is away raises into DatabaseUnavailable."""
    try:
        yield
    except PyMongoError as error:
        if is_unavailable(error):
            raise DatabaseUnavailable(f"{type(error).__name__}: {error}") from error
        raise


@contextmanager
def bounded(timeout_s: float = OPERATION_TIMEOUT_S) -> Iterator[None]:
    """As `database_errors`, for operations outside a transaction; they get so long in all.

    A server that is frozen answers nothing and refuses nothing: without a limit, we would wait.
    """
    with database_errors(), pymongo.timeout(timeout_s):
        yield
