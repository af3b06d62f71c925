"""The value of a header by the letter of RabbitMQ's table of types: the judge of what was written.

A second saying of what a client library decodes; made of the bytes that came.
"""

from datetime import UTC, datetime
from decimal import Decimal
from struct import unpack_from
from typing import Any, Final

from postbox.rabbitmq.properties import split_array, split_table

NUMBERS: Final = {
    "b": ">b", "B": ">B", "s": ">h", "u": ">H", "I": ">i", "i": ">I", "l": ">q", "f": ">f",
    "d": ">d", "t": ">?",
}  # fmt: skip


def value_of(raw: bytes) -> Any:
    """Its first byte is the type. KeyError for a letter that there is not."""
    kind, content = chr(raw[0]), raw[1:]
    match kind:
        case "V":
            return None
        case "S":
            return content[4:].decode()
        case "x":
            return content[4:]
        case "T":
            return datetime.fromtimestamp(unpack_from(">q", content)[0], UTC).isoformat()
        case "D":
            places, digits = unpack_from(">Bi", content)
            return str(Decimal(digits).scaleb(-places))
        case "F":
            return {name.decode(): value_of(value) for name, value in split_table(content[4:])}
        case "A":
            return [value_of(value) for value in split_array(raw)]
    return unpack_from(NUMBERS[kind], content)[0]
