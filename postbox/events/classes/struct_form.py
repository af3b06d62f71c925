"""msgspec Structs on the wire: by the rules of payloads, and by msgspec's names and tags."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from bson import Decimal128, ObjectId
from bson.errors import BSONError

from postbox.events.classes.form import Unreadable
from postbox.events.payload import json_value

LEFT_TO_PAYLOADS: Final = (
    *(bytes, bytearray, memoryview, UUID, Decimal),
    *(datetime, date, time, timedelta),
)
_OF_MONGODB: Final = (ObjectId, Decimal128)


class StructForm:
    """Of one Struct."""

    def __init__(self, cls: type) -> None:
        self._cls = cls
        self.fields: Final[frozenset[str]] = frozenset(
            field.name for field in msgspec.structs.fields(cls)
        )

    def check(self, *, is_final: bool) -> None:
        """msgspec has checked it."""

    def encode(self, value: Any) -> Mapping[str, Any]:
        encoded: Mapping[str, Any] = msgspec.to_builtins(
            value, builtin_types=LEFT_TO_PAYLOADS, enc_hook=json_value
        )
        return encoded

    def decode(self, data: Any) -> Any:
        try:
            return msgspec.convert(data, self._cls, dec_hook=_of_mongodb)
        except msgspec.ValidationError as error:
            problem, _, path = str(error).partition(" - at `$")
            raise Unreadable(problem, path.removesuffix("`")) from None


def _of_mongodb(kind: type, value: Any) -> Any:
    if kind not in _OF_MONGODB:
        raise NotImplementedError(f"{kind.__qualname__} cannot be read from JSON")
    try:
        return kind(value)
    except (BSONError, ArithmeticError) as error:
        # msgspec adds the path to a ValueError alone.
        raise ValueError(f"not of {kind.__name__}: {error}") from None
