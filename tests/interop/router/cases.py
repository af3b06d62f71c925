"""Rows as a program behind Debezium's outbox event router writes them, and what each should say."""

from dataclasses import dataclass, field
from typing import Any, Final

from bson import Binary, Int64, ObjectId
from bson.raw_bson import RawBSONDocument

from tests.interop.rows.values import ID, NO_VALUE, UUID, VALUES

HEADERS: Final[dict[str, Any]] = {
    "tenant": "Grüße", "flag": True, "tries": 7, "size": Int64(2**53 + 1),
}  # fmt: skip
"""In every row: by default, the router ends the connector at one without a field that it places."""
ORDER: Final = {"order_id": "o1", "amount": 5}


@dataclass(frozen=True, slots=True)
class Case:
    """`watched` is of the event that comes in: `data`, `id`, `type`, `subject`, or a header."""

    name: str
    watched: str
    meant: Any
    payload: Any = field(default_factory=lambda: ORDER)
    id: Any = field(default_factory=ObjectId)

    def row(self, type_: str) -> dict[str, Any]:
        """`name` is the aggregate, so that both sides can tell what they got."""
        known = {"_id": self.id, "type": type_, "aggregatetype": "order", "aggregateid": self.name}
        return {**known, **HEADERS, "payload": self.payload}


def _identified(name: str, id_: Any, text: str) -> Case:
    return Case(f"_id: {name}", "id", text, id=id_)


def cases(type_: str) -> list[Case]:
    """Whose rows have this type."""
    return [
        _identified("an ObjectId", ID, str(ID)),
        _identified("a text", "row 1", "row 1"),
        _identified("a UUID", Binary(UUID.bytes, 4), str(UUID)),
        Case("type", "type", type_),
        Case("aggregateid", "subject", "aggregateid"),
        *(Case(f"header: {name}", name, value) for name, value in HEADERS.items()),
        Case("payload as text: an object", "data", ORDER, '{"order_id": "o1", "amount": 5}'),
        Case("payload as text: 64 bits", "data", {"n": 2**62}, f'{{"n": {2**62}}}'),
        Case("payload as text: no JSON", "data", "plain", "plain"),
        *(
            Case(
                f"payload: {value.name}",
                "data",
                NO_VALUE if value.wire is NO_VALUE else {"value": value.wire},
                RawBSONDocument(value.stored),
            )
            for value in VALUES
        ),
    ]
