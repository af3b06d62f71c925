"""What an error of MongoDB's means to the relay."""

from typing import Final

from pymongo.errors import OperationFailure, PyMongoError, WriteConcernError

from postbox import mongo
from postbox.mongo import is_unavailable

_LOST_CURSOR: Final = {43, 136, 175, 206, 237}
"""CursorNotFound, CappedPositionLost, QueryPlanKilled, NoSuchSession, CursorKilled: read again."""
_BAD_VALUE: Final = 2
_NO_REPLICA_SET: Final = 40573


def is_passing(error: PyMongoError) -> bool:
    """Whether the same may go better in a new term. It may have been applied all the same."""
    if is_unavailable(error) or isinstance(error, WriteConcernError) or is_refused(error):
        return True
    if not isinstance(error, OperationFailure):
        return False
    return error.code in _LOST_CURSOR or _lacks_index(error)


def is_refused(error: PyMongoError) -> bool:
    """Whether the server will refuse the same until a person changes something, there or here."""
    no_streams = isinstance(error, OperationFailure) and error.code == _NO_REPLICA_SET
    return no_streams or mongo.is_refused(error)


def _lacks_index(error: OperationFailure) -> bool:
    """The index went with its collection, which has no code of its own. A new term makes it."""
    return error.code == _BAD_VALUE and "hint" in str(error)
