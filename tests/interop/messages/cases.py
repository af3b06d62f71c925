"""Messages as another program means them, each about one property or one header."""

from dataclasses import dataclass, field
from typing import Any, Final

JSON: Final = "application/json"
ROUTING_KEY: Final = "order.placed"
ORDER: Final = '{"order": "Grüße"}'
TIME: Final = "2026-01-02T03:04:05+00:00"


def whole(number: int) -> dict[str, str]:
    """A whole number that JSON's readers elsewhere would round."""
    return {"kind": "whole", "value": str(number)}


@dataclass(frozen=True, slots=True)
class Case:
    """`watched` is what it is about; `meant` what somebody who reads it should get."""

    name: str
    watched: str
    meant: Any
    properties: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, Any] = field(default_factory=dict)
    body: str = ORDER

    def as_json(self, client: str) -> dict[str, Any]:
        """For the programs. Every message has an id of its own, and a content type."""
        usual = {"message_id": f"{client}/{self.name}", "content_type": JSON}
        return {
            "name": self.name,
            "routing_key": ROUTING_KEY,
            "properties": {**usual, **self.properties},
            "headers": self.headers,
            "body": self.body,
        }


def _property(name: str, value: Any, meant: Any = None) -> Case:
    return Case(name, name, value if meant is None else meant, {name: value})


def _header(name: str, value: Any, meant: Any = None) -> Case:
    is_marked = isinstance(value, dict) and "kind" in value
    said = meant if is_marked or meant is not None else value
    return Case(f"header: {name}", "header", said, headers={"h": value})


LONG: Final = "n" * 200
CASES: Final = (
    Case("body", "body", ORDER),
    Case("message_id", "message_id", None),
    Case("routing key", "routing_key", ROUTING_KEY),
    _property("type", "order.placed"),
    _property("app_id", "website"),
    _property("correlation_id", "c1"),
    _property("content_type", "application/vnd.shop+json"),
    _property("timestamp", {"kind": "date", "value": TIME}, TIME),
    _header("text", "Grüße"),
    _header("empty text", ""),
    _header("boolean", True),
    _header("whole number", whole(7), 7),
    _header("2^40", whole(2**40), 2**40),
    _header("2^53 + 1", whole(2**53 + 1), 2**53 + 1),
    _header("least int64", whole(-(2**63)), -(2**63)),
    _header("2^63", whole(2**63), 2**63),
    _header("double 0.1", 0.1),
    _header("double 12345678901.25", 12345678901.25),
    _header("null", None),
    _header("bytes", {"kind": "bytes", "value": "AAH+/w=="}, b"\x00\x01\xfe\xff"),
    _header("date", {"kind": "date", "value": TIME}, TIME),
    _header("decimal", {"kind": "decimal", "value": "12.50"}, "12.50"),
    _header("list", [1, "a", None], [1, "a", None]),
    _header("table", {"a": {"b": True}}),
    Case("header: a name of 200 bytes", "long header", "whole", headers={LONG: "a"}),
)
