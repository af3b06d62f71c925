"""The provider's HTTP: reads orders, lets them suffer the armed faults, answers."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

import orjson
from pydantic import ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from stack.provider.connection import Withheld
from stack.provider.execution import Executor
from stack.provider.faults import FaultPlan, Faults, Suffered
from stack.provider.ledger import Answer, Ledger, Operation
from stack.provider.operations import Operations
from stack.provider.orders import (
    Body,
    CaptureOrder,
    ChargeOrder,
    DisputeOrder,
    OutcomeOrder,
    RefundOrder,
    SettleOrder,
)
from stack.provider.problems import EXCEPTION_HANDLERS, Problem, invalid, read_body
from stack.provider.webhooks import Dispatcher, PendingWebhooks

PAGE_ENTRIES_MAX = 1_000
KEY_CHARACTERS_MAX = 255
SETTLE_EVERY_S = 0.1


class PageQuery(Body):
    """The cursor's parameters; text, so not strict."""

    model_config = ConfigDict(strict=False)

    after: Annotated[int, Field(ge=0, lt=2**63)]
    limit: Annotated[int, Field(ge=1, le=PAGE_ENTRIES_MAX)] = PAGE_ENTRIES_MAX


class Api:
    def __init__(
        self,
        ledger: Ledger,
        pending: PendingWebhooks,
        operations: Operations,
        dispatcher: Dispatcher,
        executor: Executor,
        faults: Faults,
        other_doors: Sequence[BaseRoute] = (),
    ) -> None:
        self._ledger = ledger
        self._pending = pending
        self._operations = operations
        self._dispatcher = dispatcher
        self._dispatching: asyncio.Task[None] | None = None
        self._executor = executor
        self._faults = faults
        self._other_doors = other_doors

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/charges", self.charge, methods=["POST"]),
                Route("/captures", self.capture, methods=["POST"]),
                Route("/charges/{payment_id}", self.of_charge, methods=["GET"]),
                Route("/refunds", self.refund, methods=["POST"]),
                Route("/refunds/{refund_id}", self.settle, methods=["POST"]),
                Route("/disputes", self.dispute, methods=["POST"]),
                Route("/disputes/{dispute_id}", self.close_dispute, methods=["POST"]),
                Route("/ledger", self.ledger, methods=["GET"]),
                Route("/faults", self.arm_faults, methods=["PUT"]),
                Route("/faults", self.show_faults, methods=["GET"]),
                Route("/faults", self.clear_faults, methods=["DELETE"]),
                Route("/answers", self.forget_answers, methods=["DELETE"]),
                Route("/healthz", self.healthz, methods=["GET"]),
                Route("/readyz", self.readyz, methods=["GET"]),
                *self._other_doors,
            ],
            exception_handlers=EXCEPTION_HANDLERS,
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self._dispatching = asyncio.create_task(self._dispatcher.run())
        settling = asyncio.create_task(self._settle_due())
        yield
        for task in (self._dispatching, settling):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _settle_due(self) -> None:
        """End pending refunds when their time has come, those of an earlier process too."""
        while True:
            with suppress(sqlite3.Error):  # the disk is full, say: look again
                self._operations.settle_due()
            await asyncio.sleep(SETTLE_EVERY_S)

    async def charge(self, request: Request) -> Response:
        status, body = self._operations.charge(await read_body(request, ChargeOrder))
        return _json(body, status)

    async def capture(self, request: Request) -> Response:
        order = await read_body(request, CaptureOrder)
        key = _idempotency_key(request)
        suffered = self._faults.on("captures", order.intent_id, None)
        return await self._execute(
            "captures",
            key,
            suffered,
            lambda: self._operations.capture(order, key, suffered),
        )

    async def refund(self, request: Request) -> Response:
        order = await read_body(request, RefundOrder)
        key = _idempotency_key(request)
        charge = self._ledger.charge(order.payment_id)
        intent_id = None if charge is None else charge.intent_id
        suffered = self._faults.on("refunds", intent_id, order.payment_id)
        return await self._execute(
            "refunds",
            key,
            suffered,
            lambda: self._operations.refund(order, key, suffered),
        )

    async def settle(self, request: Request) -> Response:
        order = await read_body(request, SettleOrder)
        status, body = self._operations.settle(request.path_params["refund_id"], order)
        return _json(body, status)

    async def dispute(self, request: Request) -> Response:
        status, body = self._operations.dispute(await read_body(request, DisputeOrder))
        return _json(body, status)

    async def close_dispute(self, request: Request) -> Response:
        order = await read_body(request, OutcomeOrder)
        status, body = self._operations.close_dispute(request.path_params["dispute_id"], order)
        return _json(body, status)

    async def of_charge(self, request: Request) -> Response:
        known = self._ledger.of_charge(request.path_params["payment_id"])
        for kind in ("refunds", "disputes"):
            known[kind] = self._ledger.with_charges(known[kind])
        return _json(orjson.dumps(known), 200)

    async def _execute(
        self,
        operation: Operation,
        key: str,
        suffered: Suffered,
        perform: Callable[[], tuple[Answer, bool]],
    ) -> Response:
        executed = await self._executor.execute(operation, key, suffered, perform)
        if executed is None:
            return Withheld()
        answer, replayed = executed
        response = _json(answer.body, answer.status)
        if replayed:
            response.headers["idempotent-replayed"] = "true"
        return response

    async def ledger(self, request: Request) -> Response:
        if not request.query_params:
            return StreamingResponse(self._whole_ledger(), media_type="application/json")
        try:
            query = PageQuery.model_validate(dict(request.query_params))
        except ValidationError as error:
            raise invalid(error) from error
        return _json(orjson.dumps(self._page(query.after, query.limit)), 200)

    def _page(self, after: int, limit: int) -> dict[str, Any]:
        until = self._ledger.newest()
        charges = self._ledger.charges(after=after, until=until, limit=limit)
        refunds = self._ledger.refunds(after=after, until=until, limit=limit)
        disputes = self._ledger.disputes(after=after, until=until, limit=limit)
        seqs = sorted(entry["seq"] for entry in charges + refunds + disputes)[:limit]
        last = seqs[-1] if seqs else after

        def within(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [entry for entry in entries if entry["seq"] <= last]

        return {
            "charges": within(charges),
            "refunds": self._ledger.with_charges(within(refunds)),
            "disputes": self._ledger.with_charges(within(disputes)),
            "next": last,
            "more": last < until,
        }

    async def _whole_ledger(self) -> AsyncIterator[bytes]:
        """As it is now, in pieces: bounded memory, and others get their turn between two."""
        until = self._ledger.newest()
        yield b'{"charges":['
        async for piece in _pieces(self._ledger.charges, until):
            yield piece
        yield b'],"refunds":['
        async for piece in _pieces(self._ledger.refunds, until):
            yield piece
        yield b'],"disputes":['
        async for piece in _pieces(self._ledger.disputes, until):
            yield piece
        yield b"]}"

    async def arm_faults(self, request: Request) -> Response:
        self._faults.arm(await read_body(request, FaultPlan))
        return await self.show_faults(request)

    async def show_faults(self, _: Request) -> Response:
        return _json(orjson.dumps(self._faults.armed()), 200)

    async def clear_faults(self, _: Request) -> Response:
        self._faults.clear()
        return Response(status_code=204)

    async def forget_answers(self, _: Request) -> Response:
        self._ledger.forget_answers()
        return Response(status_code=204)

    async def healthz(self, _: Request) -> Response:
        return _json(b'{"status":"alive"}', 200)

    async def readyz(self, _: Request) -> Response:
        """Ready if the ledger can be read and webhooks are being sent; says how many wait."""
        if self._dispatching is None or self._dispatching.done():
            raise Problem(503, "not-ready", "webhooks are no longer sent")
        return _json(
            orjson.dumps({"status": "ready", "webhooksPending": self._pending.count()}), 200
        )


def _idempotency_key(request: Request) -> str:
    key = request.headers.get("idempotency-key", "")
    if not 1 <= len(key) <= KEY_CHARACTERS_MAX:
        detail = f"Idempotency-Key: give one of 1 to {KEY_CHARACTERS_MAX} characters"
        raise Problem(400, "idempotency-key-needed", detail)
    return key


async def _pieces(read: Callable[..., list[dict[str, Any]]], until: int) -> AsyncIterator[bytes]:
    after, comma = 0, b""
    while entries := read(after=after, until=until, limit=PAGE_ENTRIES_MAX):
        after = entries[-1]["seq"]
        for entry in entries:
            del entry["seq"]
        yield comma + orjson.dumps(entries)[1:-1]
        comma = b","
        await asyncio.sleep(0)


def _json(body: bytes, status: int) -> Response:
    media_type = "application/json" if status < 400 else "application/problem+json"
    return Response(body, status, media_type=media_type)
