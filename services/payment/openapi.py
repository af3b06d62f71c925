"""The payment service's API in OpenAPI 3.1, its schemas from the types that check reports."""

from collections.abc import Iterable
from typing import Any, Final

from postbox.service import (
    ANY_BODY,
    ANY_REQUEST,
    UNSUPPORTED_BODY,
    problem_responses,
    problem_schema,
)
from services.payment.provider.reported import KINDS
from services.payment.rules.table import Outcome
from services.payment.webhook.problems import ALL_PROBLEMS, PROBLEMS
from services.payment.webhook.signature import HEADERS

_REF: Final = "#/components/schemas/{model}"


def _schemas() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for model in KINDS.values():
        schema = model.model_json_schema(ref_template=_REF)
        found.update(schema.pop("$defs", {}))
        found[model.__name__] = schema
    found["Problem"] = problem_schema(ALL_PROBLEMS)
    found["Taken"] = {
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": {"enum": ["kept", "ignored", *(outcome.value for outcome in Outcome)]}
        },
    }
    return found


def document(provider: str = "simulator") -> dict[str, Any]:
    """As OpenAPI 3.1 has it, with the webhook of this provider."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Payment service",
            "version": "1.0.0",
            "description": "Takes what the payment provider reports. Nobody else calls it.",
        },
        "paths": _of_stripe() if provider == "stripe" else _of_the_simulator(),
        "components": {"schemas": _schemas()},
    }


def _of_the_simulator() -> dict[str, Any]:
    reports = [{"$ref": _REF.format(model=model.__name__)} for model in KINDS.values()]
    captured = _webhook(
        headers=HEADERS,
        body={"anyOf": reports},
        operationId="takeReport",
        summary="The provider's webhook: a charge, a refund or a dispute, signed",
        description="Signed as Standard Webhooks has it. What is signed is never refused: a"
        " report that cannot be understood is kept for a person, and is answered 202 too.",
    )
    return {"/payment/captured": {"post": captured}}


def _of_stripe() -> dict[str, Any]:
    text = {"type": "string"}
    event = {
        "type": "object",
        "required": ["type", "data"],
        "properties": {
            "type": text,
            "data": {
                "type": "object",
                "required": ["object"],
                "properties": {"object": {"type": "object"}},
            },
        },
    }
    taken = _webhook(
        headers=("Stripe-Signature",),
        body=event,
        operationId="takeEvent",
        summary="Stripe's webhook: an event, signed",
        description="Signed as Stripe signs it. What is signed is never refused: an event that"
        " cannot be understood is kept for a person, and is answered 202 too.",
    )
    return {"/payment/stripe": {"post": taken}}


def _webhook(*, headers: Iterable[str], body: dict[str, Any], **about: str) -> dict[str, Any]:
    taken = {"schema": {"$ref": _REF.format(model="Taken")}}
    return {
        **about,
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
            for name in headers
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "202": {
                "description": "Taken; it cannot be lost any more. `status` says what came of it",
                "content": {"application/json": taken},
                "headers": {"traceresponse": {"schema": {"type": "string"}}},
            },
            **problem_responses(*ANY_REQUEST, *ANY_BODY, UNSUPPORTED_BODY, *PROBLEMS),
        },
    }
