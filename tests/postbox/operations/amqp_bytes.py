"""Properties of messages as bytes: an encoder and a reader of the tests' own.

A codec that decodes and encodes hides just what is looked for.
"""

from struct import pack
from typing import Final

LONG_NAME: Final = b"n" * 160


def long_text(text: bytes) -> bytes:
    return b"S" + pack(">I", len(text)) + text


FIELDS: Final = {
    b"bool": b"t\x01",
    b"int8": b"b\xfe",
    b"uint8": b"B\xfe",
    b"uint16": b"u\xff\xfe",
    b"uint32": b"i" + pack(">I", 2**32 - 2),
    b"int16": b"s" + pack(">h", -2),
    b"int32": b"I" + pack(">i", -2_000_000),
    b"int64": b"l" + pack(">q", -(2**40)),
    b"float": b"f" + pack(">f", 1.5),
    b"rate": b"d" + pack(">d", 0.1),
    b"price": b"d" + pack(">d", 12345678901.25),
    b"decimal": b"D\x02" + pack(">i", 1999),
    b"text": long_text("käse".encode()),
    b"no utf-8": long_text(b"\xff\xfe"),
    b"array": b"A" + pack(">I", 11) + b"d" + pack(">d", 0.1) + b"t\x00",
    b"time": b"T" + pack(">Q", 1_800_000_000),
    b"table": b"F" + pack(">I", 14) + b"\x04rate" + b"d" + pack(">d", 0.1),
    b"nothing": b"V",
    b"bytes": b"x" + pack(">I", 2) + b"\x00\x01",
    b"app-x-death": long_text(b"kept"),
    b"x-postbox-thing": long_text(b"another program's"),
    b"x-delivery-counter": b"I" + pack(">i", 7),
    b"x-acquired-by": long_text(b"somebody"),
    LONG_NAME: long_text(b"long name"),
}
SHORT_TEXTS: Final = {
    15: b"application/x-other",
    14: b"identity",
    10: b"correlation",
    9: b"reply.to.me",
    7: b"message-1",
    5: b"order.placed",
    3: b"another-app",
    2: b"",
}
PRIORITY, TIMESTAMP, USER_ID = 11, 6, 4


def encoded(fields: dict[bytes, bytes], short: dict[int, bytes], *, others: bool = True) -> bytes:
    """Property flags and list, by AMQP 0-9-1, 4.2.6.1."""
    table = b"".join(bytes((len(name),)) + name + value for name, value in fields.items())
    parts = {bit: bytes((len(text),)) + text for bit, text in short.items()}
    parts[13] = pack(">I", len(table)) + table
    parts[12] = b"\x02"
    if others:
        parts[PRIORITY] = b"\x07"
        parts[TIMESTAMP] = pack(">Q", 1_700_000_000_123)
    flags = sum(1 << bit for bit in parts)
    return pack(">H", flags) + b"".join(parts[bit] for bit in sorted(parts, reverse=True))


def split(raw: bytes) -> tuple[dict[bytes, bytes], dict[int, bytes]]:
    """The header fields and the other properties, none of them decoded."""
    flags, at, fields, parts = int.from_bytes(raw[:2]), 2, dict[bytes, bytes](), dict[int, bytes]()
    for bit in range(15, 1, -1):
        if not flags >> bit & 1:
            continue
        sizes = {13: 4 + int.from_bytes(raw[at : at + 4]), 12: 1, PRIORITY: 1, TIMESTAMP: 8}
        end = at + sizes.get(bit, 1 + raw[at])
        if bit == 13:
            fields = _fields(raw[at + 4 : end])
        else:
            parts[bit] = raw[at:end]
        at = end
    assert at == len(raw)
    return fields, parts


def _fields(table: bytes) -> dict[bytes, bytes]:
    fixed = {
        "t": 1,
        "b": 1,
        "B": 1,
        "s": 2,
        "u": 2,
        "I": 4,
        "i": 4,
        "l": 8,
        "L": 8,
        "f": 4,
        "d": 8,
        "D": 5,
        "T": 8,
        "V": 0,
    }
    found, at = dict[bytes, bytes](), 0
    while at < len(table):
        value_at = at + 1 + table[at]
        kind = chr(table[value_at])
        size = fixed[kind] if kind in fixed else 4 + int.from_bytes(table[value_at + 1 :][:4])
        end = value_at + 1 + size
        found[table[at + 1 : value_at]] = table[value_at:end]
        at = end
    return found


def came(raw: bytes) -> tuple[dict[bytes, bytes], dict[int, bytes]]:
    """As `split`, without what a quorum queue adds at each delivery."""
    fields, parts = split(raw)
    return {k: v for k, v in fields.items() if k != b"x-delivery-count"}, parts


WRITTEN: Final = encoded(FIELDS, SHORT_TEXTS)
AMQPLIB: Final = bytes.fromhex(
    "fee80a746578742f706c61696e086964656e746974790000014f047465787453000000056bc3a47365096e6f"
    "206e756d626572530000000137037965737401076e6f7468696e675604696e743862fe05696e74313673fed4"
    "05696e74333249fffeee9005696e7436346c000000012a05f200056c61726765644415af1d78b58c40047261"
    "7465643fb999999999999a0577686f6c656c00000000b2d05e00046c697374410000001b6201530000000374"
    "776f64400c0000000000005641000000027401057461626c65460000001e0472617465643fb999999999999a"
    "066465657065724600000004016162ff056279746573780000000200ff047768656e54000000006b49d20004"
    "6461746546000000000573686f727473fffb03696e744900000005046c6f6e676c000000000000000505666c"
    "6f6174663f00000006646f75626c6564400000000000000007646563696d616c4402000007cf0c756e736967"
    "6e65646279746542c8020701630172096d6573736167652d310000018bcfe5687b0c6f726465722e706c6163"
    "6564046e6f6465"
)
"""What amqplib 2.3.1 (Node) makes of every type that it has, recorded: each kind of number, a date
(an empty table), bytes, null, and lists and tables in one another."""
