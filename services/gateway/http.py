"""The gateway's HTTP API: take an intent in, cancel it, describe itself."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from postbox.service import (
    GroupCommit,
    Problem,
    Service,
    parse_json,
    read_body,
    read_json,
    reply,
    traced,
)
from services.gateway.access.caller import Access
from services.gateway.intake import Accepted, Intake, Reply
from services.gateway.openapi.document import document
from services.gateway.openapi.page import viewer
from services.gateway.requests import (
    CancelBody,
    CancelBooking,
    Command,
    CreateIntent,
    IntentBody,
    idempotency_key,
    intent_id_of,
    parse,
)


class GatewayApi:
    """The routes, over one intake. Who sent a request is judged before the rest."""

    def __init__(self, service: Service, intake: Intake, access: Access) -> None:
        self._service = service
        self._access = access
        self._document = document(asks_for_tokens=access.asks_for_tokens)
        self._group: GroupCommit[Command, Reply] = GroupCommit(intake.commit)

    @property
    def routes(self) -> list[Route]:
        create = traced("POST /booking/intent", self.create)
        cancel = traced("POST /booking/{intentId}/cancel", self.cancel)
        return [
            Route("/booking/intent", create, methods=["POST"]),
            Route("/booking/{intentId}/cancel", cancel, methods=["POST"]),
            Route("/openapi.json", self.openapi, methods=["GET"]),
            *viewer(),
        ]

    async def create(self, request: Request) -> Response:
        caller = await self._access.caller(request)
        key = idempotency_key(request)
        body = parse(IntentBody, await read_json(request))
        return await self._accept(CreateIntent.of(body, caller, key))

    async def cancel(self, request: Request) -> Response:
        caller = await self._access.caller(request)
        intent_id = intent_id_of(request)
        content = await read_body(request)
        body = parse(CancelBody, parse_json(content) if content.strip() else {})
        return await self._accept(CancelBooking.of(intent_id, body, caller))

    async def _accept(self, command: Command) -> Response:
        self._service.require_ready()
        answer = await self._group.submit(command)
        if isinstance(answer, Problem):
            raise answer
        return _accepted(answer)

    async def openapi(self, _: Request) -> Response:
        return reply(self._document)


def _accepted(answer: Accepted) -> Response:
    path = f"/booking/{answer.intent_id}"
    links = {"self": path, "events": f"{path}/events", "cancel": f"{path}/cancel"}
    return reply(
        {"intentId": answer.intent_id, "status": "pending", "links": links},
        202,
        headers={"Idempotent-Replayed": "true"} if answer.replayed else None,
    )
