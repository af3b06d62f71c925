"""The gateway's HTTP API: take an intent in, cancel it, show what became of it."""

import asyncio
from collections.abc import AsyncIterator

import orjson
from pydantic import TypeAdapter, ValidationError
from sse_starlette.sse import EventSourceResponse
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from contracts.values import Id
from postbox.mongo import Database, bounded
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
from services.gateway.intake import Accepted, Intake, Reply
from services.gateway.openapi import DOCUMENT, page
from services.gateway.requests import (
    CancelBody,
    CancelBooking,
    Command,
    CreateIntent,
    IntentBody,
    idempotency_key,
    parse,
)
from services.gateway.rules.view import View
from services.gateway.streams import Subscriber, Watch

LISTEN_MAX_S = 900.0
PING_S = 15
_ID = TypeAdapter[str](Id)


class GatewayApi:
    """The routes, over one intake and one watch."""

    def __init__(self, service: Service, intake: Intake, watch: Watch) -> None:
        self._service = service
        self._views = _Views(service.database)
        self._watch = watch
        self._group: GroupCommit[Command, Reply] = GroupCommit(intake.commit)

    @property
    def routes(self) -> list[Route]:
        return [
            Route(
                "/booking/intent",
                traced("POST /booking/intent", self.create),
                methods=["POST"],
            ),
            Route(
                "/booking/{intent_id}",
                traced("GET /booking/{intentId}", self.show),
                methods=["GET"],
            ),
            Route("/booking/{intent_id}/events", self.events, methods=["GET"]),
            Route(
                "/booking/{intent_id}/cancel",
                traced("POST /booking/{intentId}/cancel", self.cancel),
                methods=["POST"],
            ),
            Route("/openapi.json", _openapi, methods=["GET"]),
            Route("/docs", _docs, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        key = idempotency_key(request)
        body = parse(IntentBody, await read_json(request))
        return await self._accept(CreateIntent.of(body, key))

    async def cancel(self, request: Request) -> Response:
        intent_id = _intent_id(request)
        content = await read_body(request)
        body = parse(CancelBody, parse_json(content) if content.strip() else {})
        return await self._accept(
            CancelBooking(intent_id=intent_id, requested_by=body.requested_by)
        )

    async def _accept(self, command: Command) -> Response:
        self._service.require_ready()
        answer = await self._group.submit(command)
        if isinstance(answer, Problem):
            raise answer
        return _accepted(answer)

    async def show(self, request: Request) -> Response:
        return reply((await self._views.get(_intent_id(request))).to_json())

    async def events(self, request: Request) -> Response:
        intent_id = _intent_id(request)
        await self._views.get(intent_id)
        return _Followed(self._watch, intent_id)


class _Followed(Response):
    """One booking's view each time that it changes.

    It subscribes before the headers are out, so that a refusal is an answer of its own.
    """

    def __init__(self, watch: Watch, intent_id: str) -> None:
        super().__init__()
        self._watch = watch
        self._intent_id = intent_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._watch.subscribe(self._intent_id) as subscriber:
            stream = EventSourceResponse(
                _messages(subscriber), ping=PING_S, headers={"Cache-Control": "no-store"}
            )
            await stream(scope, receive, send)


class _Views:
    def __init__(self, database: Database) -> None:
        self._views = database["views"]

    async def get(self, intent_id: str) -> View:
        """One intent's view; Problem 404 where nothing was heard of it."""
        with bounded():
            document = await self._views.find_one({"_id": intent_id})
        if document is None:
            raise Problem(404, "No such booking", field="intentId")
        return View.from_document(document)


async def _messages(subscriber: Subscriber) -> AsyncIterator[dict[str, str]]:
    try:
        async with asyncio.timeout(LISTEN_MAX_S):
            while (document := await subscriber.next()) is not None:
                view = View.from_document(document).to_json()
                data = orjson.dumps(view).decode()
                yield {"event": "booking", "id": str(document["v"]), "data": data}
    except TimeoutError:
        return  # a client that is still there comes again by itself


def _accepted(answer: Accepted) -> Response:
    path = f"/booking/{answer.intent_id}"
    links = {"self": path, "events": f"{path}/events", "cancel": f"{path}/cancel"}
    return reply(
        {"intentId": answer.intent_id, "status": "pending", "links": links},
        202,
        headers={"Idempotent-Replayed": "true"} if answer.replayed else None,
    )


def _intent_id(request: Request) -> str:
    try:
        return _ID.validate_python(request.path_params["intent_id"])
    except ValidationError as error:
        raise Problem(404, "No such booking", field="intentId") from error


async def _openapi(_: Request) -> Response:
    return reply(DOCUMENT)


async def _docs(_: Request) -> Response:
    return HTMLResponse(page())
