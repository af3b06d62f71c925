"""Stripe's webhook: what its events say of charges, refunds and disputes.

An event about a refund or a dispute names its PaymentIntent, which Stripe is asked for.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from postbox.service import Service, expect_json, read_body, reply, traced, unavailable
from postbox.telemetry import context_of, flow_span
from services.payment.openapi import document
from services.payment.provider.port import Unanswered, UnknownCharge
from services.payment.provider.reported import traceparent_of
from services.payment.provider.stripe.adapter import StripeProvider
from services.payment.provider.stripe.reports import (
    CAPTURE_ID,
    charge_report,
    dispute_report,
    metadata_of,
    moves_money,
    refund_report,
)
from services.payment.provider.stripe.signature import HEADER, StripeSignatures
from services.payment.webhook.intake import Intake

PATH: Final = "/payment/stripe"
PAID: Final = "payment_intent.succeeded"
FAILED: Final = "payment_intent.payment_failed"
REFUNDS: Final = ("refund.created", "refund.updated", "refund.failed", "charge.refund.updated")
DISPUTES: Final = (
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
)
ECHOES: Final = (
    "payment_intent.created",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "charge.pending",
    "charge.succeeded",
    "charge.failed",
    "charge.updated",
    "charge.refunded",
)
"""They come with the others, and say nothing that those do not."""
KEPT: Final = "kept"
IGNORED: Final = "ignored"

log = structlog.get_logger()
Object = Mapping[str, Any]


class StripeApi:
    """The route, over the intake that every provider's webhook has."""

    def __init__(
        self,
        service: Service,
        intake: Intake,
        provider: StripeProvider,
        signatures: StripeSignatures,
    ) -> None:
        self._service = service
        self._intake = intake
        self._provider = provider
        self._signatures = signatures

    @property
    def routes(self) -> list[Route]:
        return [
            Route(PATH, traced(f"POST {PATH}", self.take), methods=["POST"]),
            Route("/openapi.json", self.openapi, methods=["GET"]),
        ]

    async def take(self, request: Request) -> Response:
        expect_json(request.headers)
        body = await read_body(request)
        self._signatures.verify(request.headers.get(HEADER), body)
        self._service.require_ready()
        try:
            event = json.loads(body)
            type_, about = event["type"], event["data"]["object"]
            if not isinstance(type_, str) or not isinstance(about, dict):
                raise TypeError("type or data.object")
        except (ValueError, KeyError, TypeError):
            await self._intake.keep(body, by="webhook", error="not an event of Stripe's")
            return reply({"status": KEPT}, 202)
        return reply({"status": await self._decide(type_, about, body)}, 202)

    async def openapi(self, _: Request) -> Response:
        return reply(document("stripe"))

    async def _decide(self, type_: str, about: Object, body: bytes) -> str:
        if type_ in ECHOES or (type_ in DISPUTES and not moves_money(about)):
            return IGNORED
        if type_ == FAILED:
            outcome = await self._intake.declined(str(metadata_of(about).get(CAPTURE_ID)))
            return IGNORED if outcome is None else outcome.value
        try:
            report = await self._report(type_, about)
        except UnknownCharge:
            report = None
        except Unanswered as error:
            log.warning("a webhook waits for Stripe", type=type_, reason=str(error))
            raise unavailable("Stripe cannot be asked about it") from error
        if report is None:
            await self._intake.keep(body, by="webhook", error=f"type: {type_!r} is not known")
            return KEPT
        told = json.dumps(report).encode()
        with flow_span(f"process {type_}", context_of(traceparent_of(told))):
            outcome = await self._intake.take(told, by="webhook")
        return KEPT if outcome is None else outcome.value

    async def _report(self, type_: str, about: Object) -> dict[str, Any] | None:
        """None for what is not known here."""
        if type_ == PAID:
            return {"type": "charge", **charge_report(about)}
        if type_ in REFUNDS:
            intent = await self._intent_of(about)
            return {"type": "refund", **refund_report(about, intent)}
        if type_ in DISPUTES:
            intent = await self._intent_of(about)
            return {"type": "dispute", **dispute_report(about, intent)}
        return None

    async def _intent_of(self, about: Object) -> Object:
        payment_id = about.get("payment_intent")
        if not isinstance(payment_id, str):
            raise UnknownCharge("without a PaymentIntent")
        return await self._provider.intent(payment_id)
