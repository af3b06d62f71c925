"""Rows of another outbox's shape: which of their fields are the ones that the relay reads.

As Debezium's outbox event router has them: `subject=aggregateid,data=payload`, where the payload is
a document or a text of JSON.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from postbox.errors import InvalidPayload
from postbox.events import checked_headers, json_value
from postbox.mongo import Document

NAMED: Final = ("type", "subject", "data", "source", "time", "traceparent", "tracestate")
"""What may lie in a field of another name. An event's id is always the row's `_id`."""
HEADERS: Final = "headers"
OURS: Final = frozenset({"_id", "state", "partition", "published_at", "parked"})
"""What the relay itself reads or writes in every row."""


@dataclass(frozen=True, slots=True)
class Fields:
    """`names` has the row's name of each field that has another; `headers` those that become one.

    Nothing given: rows are as Postbox writes them.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    headers: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `subject=aggregateid,data=payload,headers=aggregatetype+tenant`.

        ValueError says which part is wrong.
        """
        names: dict[str, str] = {}
        for part in (part.strip() for part in text.split(",") if part.strip()):
            ours, is_pair, theirs = (piece.strip() for piece in part.partition("="))
            if not is_pair or not theirs:
                raise ValueError(f"expected name=field, got {part!r}")
            if ours not in (*NAMED, HEADERS):
                raise ValueError(f"{ours!r} is none of {', '.join((*NAMED, HEADERS))}")
            if ours in names:
                raise ValueError(f"{ours!r} is given twice")
            names[ours] = theirs
        headers = tuple(one.strip() for one in names.pop(HEADERS, "").split("+") if one.strip())
        for theirs in (*names.values(), *headers):
            if theirs in OURS or "$" in theirs or "." in theirs:
                raise ValueError(f"{theirs!r} cannot be read as another field")
        try:
            checked_headers(dict.fromkeys(headers, ""))
        except InvalidPayload as error:
            raise ValueError(str(error)) from error
        return cls(names, headers)

    def named(self, row: Document) -> Document:
        """The row with our names beside its own; what it lacks under theirs stays as it is."""
        if not self.names:
            return row
        found = {ours: row[theirs] for ours, theirs in self.names.items() if theirs in row}
        return {**row, **{ours: value for ours, value in found.items() if value is not None}}

    def row(self, row: Document) -> Document:
        """The row as Postbox would have written it. InvalidPayload names a field that cannot be."""
        if not self.names:
            return row
        mapped = self.named(row)
        payload = self.names.get("data")
        if payload is not None and isinstance(mapped.get("data"), str):
            mapped = {**mapped, "data": _parsed(mapped["data"], payload)}
        return mapped

    def carried(self, row: Document) -> dict[str, Any]:
        """The headers that fields of the row become. InvalidPayload names one that cannot be."""
        if not self.headers:
            return {}
        found = {name: row[name] for name in self.headers if row.get(name) is not None}
        return checked_headers({name: json_value(value, name) for name, value in found.items()})


def _parsed(text: str, path: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidPayload(path, f"a text that is not JSON: {error}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name is twice in one object")
    return made


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no value")
