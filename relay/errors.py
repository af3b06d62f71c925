"""What ends a term of relaying, what a single row can do wrong, and what MongoDB's errors mean."""

from typing import Final

from pymongo.errors import OperationFailure, PyMongoError, WriteConcernError

from postbox import mongo
from postbox.errors import PostboxError, TryAgain
from postbox.mongo import is_unavailable

_LOST_CURSOR: Final = {43, 136, 175, 206, 237}
"""CursorNotFound, CappedPositionLost, QueryPlanKilled, NoSuchSession, CursorKilled: read again."""
_BAD_VALUE: Final = 2
_NO_REPLICA_SET: Final = 40573


class LeaseLost(TryAgain):
    """Another relay may hold the lease by now: stop publishing and stand by."""


class Unpublishable(PostboxError):
    """This row can never be published; the text says why."""


class StreamUnusable(PostboxError):
    """The change stream cannot resume after its token: history is lost, or the token is invalid."""


def is_transient(error: PyMongoError) -> bool:
    """Whether a new term may succeed. The operation may have been applied all the same."""
    if is_unavailable(error) or isinstance(error, WriteConcernError) or is_refused(error):
        return True
    if not isinstance(error, OperationFailure):
        return False
    return error.code in _LOST_CURSOR or _lacks_index(error)


def is_refused(error: PyMongoError) -> bool:
    """Whether the server refuses until a person changes something, there or here."""
    no_streams = isinstance(error, OperationFailure) and error.code == _NO_REPLICA_SET
    return no_streams or mongo.is_refused(error)


def _lacks_index(error: OperationFailure) -> bool:
    """The index was dropped with its collection, which has no code of its own."""
    return error.code == _BAD_VALUE and "hint" in str(error)
