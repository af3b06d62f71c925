"""The gateway's API in OpenAPI 3.1, with its schemas written from the types that check requests."""

from html import escape
from typing import Any

from contracts.money import PaymentStatus
from services.gateway.requests import CancelBody, IntentBody

_PROBLEM = {"$ref": "#/components/schemas/Problem"}


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": _PROBLEM}},
    }


def _json(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


_ERRORS = {
    "400": _problem("Not JSON, or a header that cannot be"),
    "413": _problem("The body is over 64 KiB"),
    "415": _problem("The body is announced as anything but plain JSON in UTF-8"),
    "422": _problem("A field is not valid, or a key was used before with another request"),
    "503": {
        **_problem("The database is unavailable; try again after Retry-After seconds"),
        "headers": {"Retry-After": {"schema": {"type": "integer"}}},
    },
}
_NOT_FOUND = {"404": _problem("No such booking")}
_INTENT_ID = {
    "name": "intentId",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": 128},
}
_ACCEPTED = {
    "202": {
        **_json({"$ref": "#/components/schemas/Accepted"}, "Accepted; it cannot be lost any more"),
        "headers": {
            "traceresponse": {"schema": {"type": "string"}},
            "Idempotent-Replayed": {"schema": {"const": "true"}},
        },
    }
}
_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "description": "How many more there are than are shown"}
_NULLABLE_TEXT = {"type": ["string", "null"]}
_NULLABLE_AMOUNT = {"type": ["integer", "null"]}


def _schemas() -> dict[str, Any]:
    schemas: dict[str, Any] = {}
    for model in (IntentBody, CancelBody):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
    schemas["Accepted"] = {
        "type": "object",
        "required": ["intentId", "status", "links"],
        "properties": {"intentId": _TEXT, "status": _TEXT, "links": {"type": "object"}},
    }
    schemas["Problem"] = {
        "type": "object",
        "required": ["type", "title", "status"],
        "properties": {
            "type": _TEXT,
            "title": _TEXT,
            "status": {"type": "integer"},
            "field": _TEXT,
            "detail": _TEXT,
        },
    }
    schemas["Booking"] = {
        "type": "object",
        "required": ["intentId", "status", "amount", "currency", "payments", "timeline"],
        "properties": {
            "intentId": _TEXT,
            "status": {
                "enum": [
                    "payment_received_first",
                    "pending",
                    "confirmed",
                    "failed",
                    "cancelled",
                ]
            },
            "reason": _TEXT,
            "amount": _NULLABLE_AMOUNT,
            "currency": _NULLABLE_TEXT,
            "slot": {"type": "object"},
            "payments": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["paymentId", "status"],
                    "properties": {
                        "paymentId": _TEXT,
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
                        "id": _TEXT,
                        "type": _TEXT,
                        "time": {"type": "string", "format": "date-time"},
                        "traceId": _NULLABLE_TEXT,
                        "paymentId": _TEXT,
                        "reason": _TEXT,
                    },
                },
            },
            "olderEntries": _COUNT,
        },
    }
    return schemas


def _body(name: str, *, required: bool) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"required": required, "content": {"application/json": {"schema": schema}}}


DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Booking gateway",
        "version": "1.0.0",
        "description": "A customer who was charged ends with a booking or with the money back.",
    },
    "paths": {
        "/booking/intent": {
            "post": {
                "operationId": "createIntent",
                "summary": "Wish to book; the outcome follows by events",
                "parameters": [
                    {
                        "name": "Idempotency-Key",
                        "in": "header",
                        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                    }
                ],
                "requestBody": _body("IntentBody", required=True),
                "responses": {**_ACCEPTED, **_ERRORS},
            }
        },
        "/booking/{intentId}": {
            "parameters": [_INTENT_ID],
            "get": {
                "operationId": "showBooking",
                "summary": "What became of an intent",
                "responses": {
                    "200": _json({"$ref": "#/components/schemas/Booking"}, "The booking"),
                    **_NOT_FOUND,
                    "503": _ERRORS["503"],
                },
            },
        },
        "/booking/{intentId}/events": {
            "parameters": [_INTENT_ID],
            "get": {
                "operationId": "followBooking",
                "summary": "The same, each time that it changes (server-sent events)",
                "responses": {
                    "200": {
                        "description": "A stream of events named `booking`",
                        "content": {"text/event-stream": {"schema": _TEXT}},
                    },
                    **_NOT_FOUND,
                    "503": _ERRORS["503"],
                },
            },
        },
        "/booking/{intentId}/cancel": {
            "parameters": [_INTENT_ID],
            "post": {
                "operationId": "cancelBooking",
                "summary": "Cancel; what was paid goes back",
                "requestBody": _body("CancelBody", required=False),
                "responses": {**_ACCEPTED, **_NOT_FOUND, **_ERRORS},
            },
        },
    },
    "components": {"schemas": _schemas()},
}


def page() -> str:
    """The API as a page for people, with nothing loaded from elsewhere."""
    rows = "".join(
        f"<tr><td><b>{escape(method.upper())}</b></td><td><code>{escape(path)}</code></td>"
        f"<td>{escape(operation['summary'])}</td>"
        f"<td>{', '.join(escape(code) for code in operation['responses'])}</td></tr>"
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    )
    info = DOCUMENT["info"]
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(info['title'])}</title>"
        "<style>body{font:16px/1.5 system-ui;margin:3rem auto;max-width:60rem;padding:0 1rem}"
        "td,th{padding:.4rem .8rem;text-align:left;border-bottom:1px solid #ccc}</style>"
        f"<h1>{escape(info['title'])}</h1><p>{escape(info['description'])}</p>"
        "<table><tr><th>Method<th>Path<th>What it does<th>Answers</tr>"
        f"{rows}</table>"
        "<p>The whole description: <a href=/openapi.json>/openapi.json</a> (OpenAPI 3.1).</p>"
    )
