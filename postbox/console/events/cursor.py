"""Where a search goes on, in an address: for each source the id after which, or that it is done."""

import base64
import binascii
from typing import Any, Final

import orjson
from bson import Binary, ObjectId
from bson.binary import UUID_SUBTYPE

from postbox.service import Problem

DONE: Final = "done"
Positions = dict[str, object]
"""By source; one that is missing begins at its newest event."""


def written(positions: Positions) -> str:
    """`positions` as text that an address takes."""
    said = {name: _said(position) for name, position in positions.items()}
    return base64.urlsafe_b64encode(orjson.dumps(said)).decode().rstrip("=")


def read(text: str | None) -> Positions:
    """What `written` wrote. Problem 422 for anything else."""
    if not text:
        return {}
    try:
        said = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return {name: _read(kind, value) for name, (kind, value) in said.items()}
    except (ValueError, TypeError, AttributeError, binascii.Error):
        raise Problem(422, "This is no place to go on from", field="cursor") from None


def _said(position: object) -> tuple[str, Any]:
    match position:
        case ObjectId():
            return "object", str(position)
        case bytes():
            return "binary", position.hex()
        case None:
            return DONE, None
        case _:
            return "text", str(position)


def _read(kind: str, value: Any) -> object:
    match kind:
        case "object":
            return ObjectId(value) if ObjectId.is_valid(value) else _fail()
        case "binary":
            return Binary(bytes.fromhex(value), UUID_SUBTYPE)
        case "text":
            return value if isinstance(value, str) else _fail()
        case _:
            return None if kind == DONE else _fail()


def _fail() -> object:
    raise ValueError
