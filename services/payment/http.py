"""The payment service's HTTP API: the provider's web-hook."""

from standardwebhooks import Webhook, WebhookVerificationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from postbox.http import Problem, reply, traced_by_body
from postbox.service import Service
from services.payment.charge import traceparent_of
from services.payment.intake import ChargeIntake

HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


class PaymentApi:
    """The routes, over one intake of charges."""

    def __init__(self, service: Service, intake: ChargeIntake, webhook: Webhook) -> None:
        self._service = service
        self._intake = intake
        self._webhook = webhook

    @property
    def routes(self) -> list[Route]:
        endpoint = traced_by_body(
            "POST /payment/captured", self.captured, traceparent_of=traceparent_of
        )
        return [Route("/payment/captured", endpoint, methods=["POST"])]

    async def captured(self, request: Request, body: bytes) -> Response:
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            raise Problem(415, "The content type must be application/json", field="Content-Type")
        self._verify(request, body)
        self._service.require_ready()
        outcome = await self._intake.take(body, by="webhook")
        return reply({"status": "kept" if outcome is None else outcome.value}, 202)

    def _verify(self, request: Request, body: bytes) -> None:
        headers = {name: request.headers.get(name, "") for name in HEADERS}
        for name, value in headers.items():
            if not value:
                raise Problem(401, "The web-hook is not signed", field=name)
        try:
            self._webhook.verify(body, headers, json_parse=False)
        except (WebhookVerificationError, ValueError) as error:
            stale = "timestamp" in str(error).lower()
            raise Problem(
                401,
                "The web-hook's signature does not hold",
                field="webhook-timestamp" if stale else "webhook-signature",
                detail=str(error) or None,
            ) from error
