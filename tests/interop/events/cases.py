"""Events as another program means them, each odd in one respect."""

from base64 import b64encode
from dataclasses import dataclass, field, replace
from typing import Any, Final

JSON: Final = "application/json"
TRACE: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BYTES: Final = b"\x00\x01\xfe\xff"


class _Absent:
    """No data at all."""


ABSENT: Final = _Absent()
LEAST: Final = {"id": "1", "type": "order.placed", "source": "/website"}
USUAL: Final = {**LEAST, "time": "2026-01-02T03:04:05.678Z", "datacontenttype": JSON}
ORDER: Final = {"order": "o1", "lines": [1, None, True]}


LARGE: Final = {"n": 2**53 + 1}


@dataclass(frozen=True, slots=True)
class Case:
    """`attributes` as texts, and data; `watched` are the attributes that the case is about."""

    name: str
    attributes: dict[str, Any]
    data: Any
    watched: tuple[str, ...]

    def named(self, id: str) -> "Case":
        """With an id of its own: what comes twice by one id is a repeat."""
        return replace(self, attributes={**self.attributes, "id": id})

    def as_json(self) -> dict[str, Any]:
        """For programs in other languages: bytes, and a number that is not theirs, are marked."""
        made: dict[str, Any] = {"name": self.name, "attributes": self.attributes}
        if isinstance(self.data, bytes):
            made["bytes"] = b64encode(self.data).decode()
        elif self.data == LARGE:
            made["bigint"] = str(LARGE["n"])
        elif self.data is not ABSENT:
            made["data"] = self.data
        return made


def _attribute(name: str, watched: str, value: Any) -> Case:
    return Case(name, {**USUAL, watched: value}, ORDER, (watched,))


def _data(name: str, content_type: str, data: Any) -> Case:
    return Case(name, {**USUAL, "datacontenttype": content_type}, data, ("data", "datacontenttype"))


def _missing(name: str, missing: str) -> Case:
    return Case(name, {key: USUAL[key] for key in USUAL if key != missing}, ORDER, (missing,))


CASES: Final = (
    Case("id, type, source", dict(USUAL), ORDER, ("id", "type", "source")),
    _attribute("subject", "subject", "Grüße"),
    _attribute("no subject", "subject", None),
    _attribute("time in milliseconds", "time", "2026-01-02T03:04:05.678Z"),
    _attribute("time in microseconds", "time", "2026-01-02T03:04:05.678901Z"),
    _attribute("time in nanoseconds", "time", "2026-01-02T03:04:05.678901234Z"),
    _attribute("time with an offset", "time", "2026-01-02T05:04:05.678+02:00"),
    _missing("no time", "time"),
    _attribute("dataschema", "dataschema", "urn:shop:orders:1"),
    _missing("no datacontenttype", "datacontenttype"),
    _attribute("extension: text", "tenant", "Grüße"),
    _attribute("extension: whole number", "priority", 7),
    _attribute("extension: boolean", "express", True),
    _attribute("extension: traceparent", "traceparent", TRACE),
    _data("data: object", JSON, ORDER),
    _data("data: list", JSON, ["a", 1]),
    _data("data: text as JSON", JSON, "Grüße"),
    _data("data: number", JSON, 0.1),
    _data("data: 64 bits", JSON, LARGE),
    _data("data: boolean", JSON, True),
    _data("data: null", JSON, None),
    _data("data: none", JSON, ABSENT),
    _data("data: object, of a vendor's JSON", "application/vnd.shop+json", ORDER),
    _data("data: plain text", "text/plain", "Grüße"),
    _data("data: XML as text", "application/xml", "<a>Grüße</a>"),
    _data("data: bytes", "application/octet-stream", BYTES),
)


@dataclass(frozen=True, slots=True)
class Said:
    """An event by somebody: the attributes that are there, and its data."""

    attributes: dict[str, Any] = field(default_factory=dict)
    data: Any = None

    def of(self, name: str) -> Any:
        return self.data if name == "data" else self.attributes.get(name)
