"""What an error of MongoDB means: try again later, or a person has to change something."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pymongo
from pymongo.errors import (
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from postbox.errors import DatabaseUnavailable
from postbox.tls import in_plain_words

OPERATION_TIMEOUT_S = 3.0
WRITE_CONFLICT = 112
NO_SUCH_TRANSACTION = 251
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
_DRIVERS_DETAILS = re.compile(
    r" \(configured timeouts: [^)]*\)|, Timeout: [\d.]+s, Topology Description: .*"
    r"|, full error: \{.*",
    re.DOTALL,
)


def is_unavailable(error: PyMongoError) -> bool:
    """Whether the same operation may succeed later; if so it may also have been applied already.

    A server that refuses access counts as unavailable: a person has to change that, and no message
    is at fault.
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


def reason(error: PyMongoError) -> str:
    """What went wrong, in one line and plain words: the driver's own text can be pages long."""
    text = in_plain_words(_DRIVERS_DETAILS.sub("", str(error)))
    return f"{type(error).__name__}: {text}"


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn what a database that is unavailable raises into DatabaseUnavailable."""
    try:
        yield
    except PyMongoError as error:
        if is_unavailable(error):
            raise DatabaseUnavailable(reason(error)) from error
        raise


@contextmanager
def bounded(timeout_s: float = OPERATION_TIMEOUT_S) -> Iterator[None]:
    """As `database_errors`, for operations outside a transaction; they get so long in all.

    A server that is frozen answers nothing and refuses nothing: without a limit, we would wait.
    """
    with database_errors(), pymongo.timeout(timeout_s):
        yield
