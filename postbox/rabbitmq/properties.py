"""A message's properties as the bytes that came, to be passed on as they are.

Decoding and encoding again is not the identity: a 64-bit float becomes one of 32, a long name is
cut, an unsigned number changes its type. So a message that is passed on keeps its properties as
bytes, and only whole header fields and whole properties are added, renamed or removed. Source of
the layout: AMQP 0-9-1, section 4.2.6.1, and RabbitMQ's table of field types.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from struct import Struct, error
from typing import Final, Self

HEADERS: Final = 1 << 13
EXPIRATION: Final = 1 << 8
USER_ID: Final = 1 << 4
_SHORT_TEXTS: Final = frozenset(1 << bit for bit in (15, 14, 10, 9, 8, 7, 5, 4, 3, 2))
_SIZES: Final = {1 << 12: 1, 1 << 11: 1, 1 << 6: 8}
"""Delivery mode, priority, timestamp; the other properties begin with their length."""
_FLAGS: Final = Struct(">H")
_LONG: Final = Struct(">I")
_FIXED: Final = {
    **dict.fromkeys(b"tbB", 1), **dict.fromkeys(b"suU", 2), **dict.fromkeys(b"Iif", 4),
    **dict.fromkeys(b"lLdT", 8), ord("D"): 5, ord("V"): 0,
}  # fmt: skip
_COUNTED: Final = frozenset(b"SAFx")

Fields = tuple[tuple[bytes, bytes], ...]
"""Name and value of each header; a value is its type's letter and what follows."""


@dataclass(frozen=True, slots=True)
class RawProperties:
    """The properties of one message, by their flags in the order of the wire; headers apart."""

    parts: Mapping[int, bytes]
    headers: Fields

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """Split what follows the body's size in a content header. ValueError if it is no such."""
        try:
            return cls._read(raw)
        except (IndexError, error) as cut_off:
            raise ValueError(f"the properties are cut off: {cut_off}") from None

    @classmethod
    def _read(cls, raw: bytes) -> Self:
        (flags,) = _FLAGS.unpack_from(raw)
        at = _FLAGS.size
        parts: dict[int, bytes] = {}
        headers: Fields = ()
        for flag in (1 << bit for bit in range(15, 1, -1)):
            if not flags & flag:
                continue
            if flag == HEADERS:
                end = at + _LONG.size + _LONG.unpack_from(raw, at)[0]
                headers = split_table(raw[at + _LONG.size : end])
            else:
                end = at + (_SIZES[flag] if flag in _SIZES else 1 + raw[at])
            parts[flag] = raw[at:end]
            at = end
        if at != len(raw):
            raise ValueError("there is more, or less, than the properties that the flags announce")
        return cls(parts, headers)

    def without(self, is_dropped: Callable[[str], bool]) -> Self:
        """Without the headers that `is_dropped(name)` names."""
        kept = (field for field in self.headers if not is_dropped(_text(field[0])))
        return replace(self, headers=tuple(kept))

    def with_header(self, name: str, value: bytes | str) -> Self:
        """With one more header, in the place of any of that name; bytes are a value as it came."""
        raw = value if isinstance(value, bytes) else long_text(value)
        others = self.without(lambda known: known == name).headers
        return replace(self, headers=(*others, (name.encode(), raw)))

    def renamed(self, old: str, new: str) -> Self:
        """With the header `old`, if there is one, under another name."""
        return replace(
            self,
            headers=tuple(
                (new.encode() if _text(name) == old else name, value)
                for name, value in self.headers
            ),
        )

    def moved_to_header(self, flag: int, name: str) -> Self:
        """With a property that is a short text, if there is one, as a header instead."""
        if flag not in self.parts:
            return self
        text = self.parts[flag][1:]
        parts = {known: part for known, part in self.parts.items() if known != flag}
        value = b"S" + _LONG.pack(len(text)) + text
        return replace(self, parts=parts).with_header(name, value)

    def moved_to_property(self, name: str, flag: int) -> Self:
        """Undo `moved_to_header`."""
        value = next((value for known, value in self.headers if _text(known) == name), None)
        if value is None or value[:1] != b"S":
            return self
        text = value[1 + _LONG.size :]
        parts = {**self.parts, flag: bytes((len(text),)) + text}
        return replace(self, parts=parts).without(lambda known: known == name)

    def encode(self) -> bytes:
        """The flags, and the properties in the order of the wire."""
        parts = dict(self.parts)
        if self.headers:
            table = b"".join(bytes((len(name),)) + name + value for name, value in self.headers)
            parts[HEADERS] = _LONG.pack(len(table)) + table
        else:
            parts.pop(HEADERS, None)
        return _FLAGS.pack(sum(parts)) + b"".join(parts[flag] for flag in sorted(parts)[::-1])


def split_table(table: bytes) -> Fields:
    """The fields of a table, without its length; no value is decoded. ValueError if it is none."""
    fields, at = [], 0
    while at < len(table):
        name_end = at + 1 + table[at]
        end = value_end(table, name_end)
        fields.append((table[at + 1 : name_end], table[name_end:end]))
        at = end
    if at != len(table):
        raise ValueError("the last field of the table is cut off")
    return tuple(fields)


def split_array(value: bytes) -> list[bytes]:
    """The values of an array, which `value` is with its letter and length."""
    values, at = [], 1 + _LONG.size
    while at < len(value):
        end = value_end(value, at)
        values.append(value[at:end])
        at = end
    return values


def join_array(values: list[bytes]) -> bytes:
    """An array of values, with its letter and length."""
    joined = b"".join(values)
    return b"A" + _LONG.pack(len(joined)) + joined


def value_end(data: bytes, at: int) -> int:
    """Where the value that begins at `at` with its type's letter ends."""
    kind = data[at]
    if kind in _COUNTED:
        return at + 1 + _LONG.size + int(_LONG.unpack_from(data, at + 1)[0])
    if kind not in _FIXED:
        raise ValueError(f"no type of field: {chr(kind)!r}")
    return at + 1 + _FIXED[kind]


def long_text(text: str | bytes) -> bytes:
    """A text as the value of a field, with its type's letter and length."""
    encoded = text if isinstance(text, bytes) else text.encode(errors="replace")
    return b"S" + _LONG.pack(len(encoded)) + encoded


def _text(name: bytes) -> str:
    return name.decode(errors="surrogateescape")
