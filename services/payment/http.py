"""The payment service's HTTP API: the provider's webhook."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from postbox.service import Service, expect_json, reply, traced_by_body
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
            "POST /payment/captured", self.captured, traceparent_of=traceparent_of
        )
        return [Route("/payment/captured", endpoint, methods=["POST"])]

    async def captured(self, request: Request, body: bytes) -> Response:
        expect_json(request.headers)
        self._signatures.verify(request.headers, body)
        self._service.require_ready()
        outcome = await self._intake.take(body, by="webhook")
        return reply({"status": "kept" if outcome is None else outcome.value}, 202)
