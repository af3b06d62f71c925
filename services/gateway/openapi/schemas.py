"""What is sent and answered: requests from the types that check them, answers as they are made."""

from typing import Any, Final

from contracts.money import PaymentStatus
from postbox.service import problem_schema
from services.gateway.problems import ALL_PROBLEMS
from services.gateway.reading.queries import BookingsQuery
from services.gateway.requests import CancelBody, IntentBody

TEXT: Final[dict[str, Any]] = {"type": "string"}
_COUNT = {"type": "integer", "description": "How many more there are than are shown"}
_NULLABLE_TEXT = {"type": ["string", "null"]}
_NULLABLE_AMOUNT = {"type": ["integer", "null"]}
_TIME = {"type": "string", "format": "date-time"}
_STATUS = {"$ref": "#/components/schemas/Status"}


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    properties = {**required, **optional}
    return {"type": "object", "required": list(required), "properties": properties}


_LISTED: Final = _object(
    {
        "intentId": TEXT,
        "userId": TEXT,
        "status": _STATUS,
        "amount": {"type": "integer"},
        "currency": TEXT,
        "createdAt": _TIME,
        "links": _object({"self": TEXT}),
    },
    reason=TEXT,
    slot={"$ref": "#/components/schemas/Slot"},
)


def schemas(*, user_is_required: bool) -> dict[str, Any]:
    """By name. The user of an intent may be left out where the token says who it is."""
    found: dict[str, Any] = {}
    for model in (IntentBody, CancelBody, BookingsQuery):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        found.update(schema.pop("$defs", {}))
        found[model.__name__] = schema
    if user_is_required:
        found["IntentBody"]["required"] = ["userId", *found["IntentBody"]["required"]]
    found["Accepted"] = {
        "type": "object",
        "required": ["intentId", "status", "links"],
        "properties": {"intentId": TEXT, "status": TEXT, "links": {"type": "object"}},
    }
    found["Problem"] = problem_schema(ALL_PROBLEMS)
    found["Booking"] = {
        "type": "object",
        "required": ["intentId", "status", "amount", "currency", "payments", "timeline"],
        "properties": {
            "intentId": TEXT,
            "status": _STATUS,
            "reason": TEXT,
            "amount": _NULLABLE_AMOUNT,
            "currency": _NULLABLE_TEXT,
            "slot": {"$ref": "#/components/schemas/Slot"},
            "payments": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["paymentId", "status"],
                    "properties": {
                        "paymentId": TEXT,
                        "status": {"enum": [status.value for status in PaymentStatus]},
                        "amount": _NULLABLE_AMOUNT,
                        "currency": _NULLABLE_TEXT,
                        "refunded": _COUNT,
                        "disputed": _COUNT,
                        "chargedBack": _COUNT,
                    },
                },
            },
            "olderPayments": _COUNT,
            "timeline": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["id", "type", "time"],
                    "properties": {
                        "id": TEXT,
                        "type": TEXT,
                        "time": _TIME,
                        "traceId": _NULLABLE_TEXT,
                        "paymentId": TEXT,
                        "reason": TEXT,
                    },
                },
            },
            "olderEntries": _COUNT,
        },
    }
    found["Bookings"] = _object(
        {"bookings": {"type": "array", "items": _LISTED}}, next={**TEXT, "description": "a cursor"}
    )
    found["TakenSlots"] = _object(
        {
            "resourceId": TEXT,
            "from": _TIME,
            "to": _TIME,
            "taken": {
                "type": "array",
                "items": _object({"startsAt": _TIME, "endsAt": _TIME}),
            },
        }
    )
    return found
