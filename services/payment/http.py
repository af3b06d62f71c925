"""The payment service's HTTP API: the provider's webhook, and a description of it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from postbox.service import Service, expect_json, reply, traced_by_body
from services.payment.openapi import document
from services.payment.provider.reported import traceparent_of
from services.payment.webhook.intake import Intake
from services.payment.webhook.signature import Signatures


class PaymentApi:
    """The routes, over one intake."""

    def __init__(self, service: Service, intake: Intake, signatures: Signatures) -> None:
        self._service = service
        self._intake = intake
        self._signatures = signatures

    @property
    def routes(self) -> list[Route]:
        endpoint = traced_by_body(
            "POST /payment/captured", self.captured, traceparent_of=self._traceparent
        )
        return [
            Route("/payment/captured", endpoint, methods=["POST"]),
            Route("/openapi.json", self.openapi, methods=["GET"]),
        ]

    async def captured(self, request: Request, body: bytes) -> Response:
        expect_json(request.headers)
        self._signatures.verify(request.headers, body)
        self._service.require_ready()
        outcome = await self._intake.take(body, by="webhook")
        return reply({"status": "kept" if outcome is None else outcome.value}, 202)

    async def openapi(self, _: Request) -> Response:
        return reply(document())

    def _traceparent(self, request: Request, body: bytes) -> str | None:
        """Nothing of a body is read, or parsed, before its signature holds."""
        return traceparent_of(body) if self._signatures.hold(request.headers, body) else None
