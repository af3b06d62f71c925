"""Who gets the webhooks: a real HTTP server that verifies each signature as a service would."""

import threading
import time
from dataclasses import dataclass
from typing import Any

import uvicorn
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.provider.simulator import WEBHOOK_SECRET


@dataclass(frozen=True)
class Delivery:
    webhook_id: str
    signature: str
    body: dict[str, Any]
    at: float


class Receiver:
    """Answers 202, or what `answers` says for the next webhooks of an intent."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/payment/captured?from=provider"
        self.answers: dict[str, list[int]] = {}
        self._deliveries: list[Delivery] = []
        app = Starlette(routes=[Route("/payment/captured", self._receive, methods=["POST"])])
        self._server = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", ws="none")
        )
        self._thread = threading.Thread(target=self._server.run)

    async def _receive(self, request: Request) -> Response:
        assert request.query_params["from"] == "provider"
        delivery = self.read(dict(request.headers), await request.body())
        self._deliveries.append(delivery)
        answers = self.answers.get(self.subject(delivery.body))
        return Response(status_code=answers.pop(0) if answers else 202)

    def read(self, headers: dict[str, str], raw: bytes) -> Delivery:
        """A webhook that is wrongly signed is answered 500."""
        body = Webhook(WEBHOOK_SECRET).verify(raw, headers)
        return Delivery(headers["webhook-id"], headers["webhook-signature"], body, time.time())

    def subject(self, body: dict[str, Any]) -> str:
        """The intent that a webhook is about."""
        return str(body["intentId"])

    def of(self, intent_id: str) -> list[Delivery]:
        return [one for one in list(self._deliveries) if self.subject(one.body) == intent_id]

    def start(self) -> None:
        self._thread.start()

    def is_up(self) -> bool:
        return self._server.started

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
