"""MongoDB's extended JSON, in which Debezium writes documents: read as what the relay sends."""

from typing import Any, Final

from bson import json_util
from bson.codec_options import DatetimeConversion
from bson.errors import BSONError

from postbox.errors import InvalidPayload, MalformedMessage
from postbox.events import json_value

_OPTIONS: Final = json_util.JSONOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)


def may_be(text: str) -> bool:
    """Every name to which extended JSON gives a meaning begins with a dollar."""
    return '"$' in text


def read(text: str) -> Any:
    """The JSON value of a text of JSON, extended or not: `{"$numberInt": "5"}` is 5.

    MalformedMessage where JSON has no value for what it says.
    """
    try:
        return json_value(json_util.loads(text, json_options=_OPTIONS))
    except (BSONError, InvalidPayload, KeyError, OverflowError, TypeError, ValueError) as error:
        raise MalformedMessage(f"extended JSON: {error}") from error
