"""The client's models are what docs/api/gateway.json says; what is not as it says is refused."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Any, Final, get_args, get_origin, get_type_hints

import pytest

from booking_client import (
    Accepted,
    Booking,
    BookingPage,
    PaymentStatus,
    ProblemError,
    Status,
    TakenSlots,
    UnexpectedAnswer,
)
from booking_client.decoding import decode, types_of, wire_name
from booking_client.errors import problem
from booking_client.rules import Filter, Intent

ROOT: Final = Path(__file__).resolve().parents[3]
DOCUMENT: Final = json.loads((ROOT / "docs/api/gateway.json").read_text())
SCHEMAS: Final = DOCUMENT["components"]["schemas"]
PLAIN: Final = {str: "string", int: "integer", dict: "object"}


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (Accepted, "Accepted"),
        (Booking, "Booking"),
        (BookingPage, "Bookings"),
        (TakenSlots, "TakenSlots"),
    ],
)
def test_a_model_is_what_the_document_says(model: type[Any], name: str) -> None:
    assert list(differences(model, SCHEMAS[name], name)) == []


def differences(model: Any, schema: Mapping[str, Any], path: str) -> list[str]:
    """Where a type is not what its schema says."""
    if "$ref" in schema:
        return differences(model, SCHEMAS[schema["$ref"].rpartition("/")[2]], path)
    kinds = {one for one in get_args(model) if one is not NoneType} or {model}
    if get_origin(model) is tuple:
        return differences(get_args(model)[0], schema["items"], f"{path}[]")
    if get_origin(model) is dict:
        kinds = {dict}
    (kind,) = kinds
    if is_dataclass(kind):
        return _of_objects(kind, schema, path)
    if kind is datetime:
        return [] if schema.get("format") == "date-time" else [f"{path} is no time"]
    if issubclass(kind, StrEnum):
        known = {one.value for one in kind} - {"unknown"}
        return [] if known == set(schema["enum"]) else [f"{path} knows {known}"]
    named = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return [] if PLAIN[kind] in named else [f"{path} is {kind.__name__}, not {named}"]


def _of_objects(kind: Any, schema: Mapping[str, Any], path: str) -> list[str]:
    of_body = {wire_name(one): one for one in fields(kind) if "header" not in one.metadata}
    found = [
        f"{path}: only one has {name}" for name in of_body.keys() ^ schema["properties"].keys()
    ]
    for name in of_body.keys() & schema["properties"].keys():
        there = schema["properties"][name]
        is_required = name in schema["required"]
        if (of_body[name].default is MISSING) != is_required:
            found.append(f"{path}.{name}: the document says required={is_required}")
        if _is_null(there) and not _may_be_none(kind, of_body[name]):
            found.append(f"{path}.{name} may be null")
        found += differences(types_of(kind)[of_body[name].name], there, f"{path}.{name}")
    return found


def _is_null(schema: Mapping[str, Any]) -> bool:
    return "null" in schema.get("type", ())


def _may_be_none(kind: Any, field: "Field[Any]") -> bool:
    return NoneType in get_args(types_of(kind)[field.name])


def test_an_intent_has_the_fields_of_the_document() -> None:
    known = {_camel(name) for name in get_type_hints(Intent)} - {"idempotencyKey"}
    assert known == SCHEMAS["IntentBody"]["properties"].keys()


def test_a_list_is_asked_for_by_the_names_of_the_document() -> None:
    parameters = DOCUMENT["paths"]["/bookings"]["get"]["parameters"]
    renamed = {"since": "from", "until": "to", "pageSize": "limit"}
    known = {renamed.get(_camel(name), _camel(name)) for name in get_type_hints(Filter)}
    assert known | {"cursor"} == {one["name"] for one in parameters}


def test_every_documented_refusal_is_an_error_of_its_own() -> None:
    documented = {
        int(status)
        for path in DOCUMENT["paths"].values()
        for operation in ("get", "post")
        for status in path.get(operation, {}).get("responses", {})
        if int(status) >= 400
    }
    undistinguished = {status for status in documented if type(problem(status, {})) is ProblemError}
    assert undistinguished == set()


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


BOOKING: Final = {
    "intentId": "demo-1",
    "status": "confirmed",
    "amount": 12_000,
    "currency": "USD",
    "payments": [{"paymentId": "pay-1", "status": "settled", "new": 1}],
    "timeline": [{"id": "e", "type": "payment.captured", "time": "2026-01-31T10:15:00Z"}],
}


def test_what_a_newer_gateway_adds_is_passed_over() -> None:
    newer = {**BOOKING, "status": "postponed", "mood": "good"}
    booking = decode(Booking, json.dumps(newer))
    assert booking.status is Status.UNKNOWN
    assert not booking.status.is_final
    assert booking.payments[0].status is PaymentStatus.SETTLED


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"amount": "12000"}, "Booking.amount is str instead of int"),
        ({"amount": True}, "Booking.amount is bool"),
        ({"payments": [{"status": "settled"}]}, r"Booking.payments\[0\] has no paymentId"),
        (
            {"timeline": [{"id": "e", "type": "t", "time": "soon"}]},
            r"timeline\[0\].time is no time",
        ),
        ({"timeline": {}}, "Booking.timeline is dict instead of list"),
    ],
)
def test_what_is_not_as_described_is_refused_with_its_path(
    change: dict[str, object], said: str
) -> None:
    with pytest.raises(UnexpectedAnswer, match=said):
        decode(Booking, json.dumps({**BOOKING, **change}))
