"""Each path: what may be asked, and every answer that there is."""

from collections.abc import Mapping
from typing import Any, Final

from postbox.service import JSON_BODY, NOT_VALID
from services.gateway.openapi.answers import ACCEPTED, ASKING, NAMING, header, json, refused
from services.gateway.openapi.examples import CANCELLATIONS, INTENTS
from services.gateway.openapi.parameters import INTENT_ID, RESOURCE_ID, in_header, in_query
from services.gateway.openapi.schemas import TEXT
from services.gateway.problems import (
    ANOTHER_ORIGIN,
    KEY_NOT_VALID,
    NO_SUCH_BOOKING,
    NO_SUCH_RESOURCE,
    REUSED,
    SLOT_IN_THE_PAST,
    TOO_MANY_STREAMS,
)
from services.gateway.reading.queries import BookingsQuery, SlotsQuery
from services.gateway.requests import IDEMPOTENCY_KEY_MAX_CHARS

_KEY: Final = in_header("Idempotency-Key", minLength=1, maxLength=IDEMPOTENCY_KEY_MAX_CHARS)
_TAG: Final = {"ETag": header(required=True)}


def _body(name: str, examples: Mapping[str, Any], *, required: bool) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{name}"}
    content = {"application/json": {"schema": schema, "examples": examples}}
    return {"required": required, "content": content}


def paths(*, asks_for_tokens: bool) -> dict[str, Any]:
    """All of them, of a gateway that asks for tokens or of one that does not."""
    asking = ASKING if asks_for_tokens else (ANOTHER_ORIGIN,)
    naming = NAMING if asks_for_tokens else (ANOTHER_ORIGIN,)
    stream = {"text/event-stream": {"schema": TEXT}}
    return {
        "/booking/intent": {
            "post": {
                "operationId": "createIntent",
                "summary": "Wish to book; the outcome follows by events",
                "description": "A key goes with one body for as long as it is kept, a day at least:"
                " with another body it is refused (422). `amount` is written without a fraction.",
                "parameters": [_KEY],
                "requestBody": _body("IntentBody", INTENTS, required=True),
                "responses": {
                    **ACCEPTED,
                    **refused(*JSON_BODY, KEY_NOT_VALID, REUSED, SLOT_IN_THE_PAST, *naming),
                },
            }
        },
        "/booking/{intentId}": {
            "parameters": [INTENT_ID],
            "get": {
                "operationId": "showBooking",
                "summary": "What became of an intent",
                "parameters": [in_header("If-None-Match")],
                "responses": {
                    "200": json("Booking", "The booking", **_TAG),
                    "304": {"description": "It is as it was", "headers": _TAG},
                    **refused(NO_SUCH_BOOKING, *asking),
                },
            },
        },
        "/booking/{intentId}/events": {
            "parameters": [INTENT_ID],
            "get": {
                "operationId": "followBooking",
                "summary": "The same, each time that it changes (server-sent events)",
                "parameters": [in_header("Last-Event-ID")],
                "responses": {
                    "200": {"description": "Events named `booking`", "content": stream},
                    **refused(NO_SUCH_BOOKING, TOO_MANY_STREAMS, *asking),
                },
            },
        },
        "/booking/{intentId}/cancel": {
            "parameters": [INTENT_ID],
            "post": {
                "operationId": "cancelBooking",
                "summary": "Cancel; what was paid goes back",
                "requestBody": _body("CancelBody", CANCELLATIONS, required=False),
                "responses": {**ACCEPTED, **refused(NO_SUCH_BOOKING, *JSON_BODY, *naming)},
            },
        },
        "/bookings": {
            "get": {
                "operationId": "listBookings",
                "summary": "One's own bookings, newest first",
                "description": "A page may have fewer than `limit` although there are more: go on"
                " with `cursor` as long as there is a `next`. `from` and `to` are about when a"
                " booking was made.",
                "parameters": in_query(BookingsQuery),
                "responses": {
                    "200": json("Bookings", "A page of them"),
                    **refused(NOT_VALID, *naming),
                },
            }
        },
        "/resources/{resourceId}/slots": {
            "parameters": [RESOURCE_ID],
            "get": {
                "operationId": "listSlots",
                "summary": "What is taken of a resource, within a week or as asked for",
                "description": "Eventually consistent: a slot may be taken by now that is not"
                " listed, or be free again. Whoever books it finds out. `to` says how far the"
                " answer goes, at most 31 days; it is after `from`, which is now if left out.",
                "parameters": in_query(SlotsQuery),
                "responses": {
                    "200": json("TakenSlots", "The slots that bookings hold or wait for"),
                    **refused(NO_SUCH_RESOURCE, NOT_VALID, *asking),
                },
            },
        },
    }
