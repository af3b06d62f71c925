"""Stripe's HTTP: keys, versions, forms, expansions; then the same ledger and the same faults."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from pydantic import BaseModel, ConfigDict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from stack.provider.connection import Withheld
from stack.provider.execution import Executor
from stack.provider.faults import Faults, Suffered
from stack.provider.identity import new_id
from stack.provider.ledger import Answer
from stack.provider.problems import BODY_BYTES_MAX
from stack.provider.stripe import objects
from stack.provider.stripe.errors import (
    EXCEPTION_HANDLERS,
    StripeError,
    invalid_request,
    missing,
)
from stack.provider.stripe.form import read_form
from stack.provider.stripe.lists import ListQuery, page
from stack.provider.stripe.operations import (
    IntentOrder,
    Parameters,
    RefundOrder,
    StripeOperations,
)
from stack.provider.stripe.rows import ATTEMPTS, DISPUTES, EVENTS, REFUNDS, Row, Rows, Table

KEY_CHARACTERS_MAX: Final = 255
EXPAND_DEPTH_MAX: Final = 4
Endpoint = Callable[[Request], Awaitable[Response]]


class Kind(BaseModel):
    """One kind of object: where it is listed, from which rows, and how it is shown."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    path: str
    name: str
    table: Table
    show: Callable[[Row], dict[str, Any]]


KINDS: Final = (
    Kind(
        path="payment_intents",
        name="payment_intent",
        table=ATTEMPTS,
        show=objects.payment_intent,
    ),
    Kind(path="charges", name="charge", table=ATTEMPTS, show=objects.charge),
    Kind(path="refunds", name="refund", table=REFUNDS, show=objects.refund),
    Kind(path="disputes", name="dispute", table=DISPUTES, show=objects.dispute),
    Kind(
        path="events", name="event", table=EVENTS, show=lambda row: dict(orjson.loads(row["body"]))
    ),
)
EXPANDED: Final = {
    "charge": "charge",
    "latest_charge": "charge",
    "payment_intent": "payment_intent",
}


class StripeApi:
    def __init__(
        self,
        *,
        api_key: str,
        rows: Rows,
        operations: StripeOperations,
        executor: Executor,
        faults: Faults,
    ) -> None:
        self._api_key = api_key
        self._rows = rows
        self._operations = operations
        self._executor = executor
        self._faults = faults

    def route(self) -> Mount:
        routes = [
            Route("/payment_intents", self._let_in(self.pay), methods=["POST"]),
            Route("/refunds", self._let_in(self.refund), methods=["POST"]),
        ]
        for kind in KINDS:
            listed, one = self._list(kind), self._one(kind)
            routes.append(Route(f"/{kind.path}", self._let_in(listed), methods=["GET"]))
            routes.append(Route(f"/{kind.path}/{{id}}", self._let_in(one), methods=["GET"]))
        return Mount("/v1", Starlette(routes=routes, exception_handlers=EXCEPTION_HANDLERS))

    def _let_in(self, endpoint: Endpoint) -> Endpoint:
        async def let_in(request: Request) -> Response:
            scheme, _, key = request.headers.get("authorization", "").partition(" ")
            if scheme != "Bearer" or not hmac.compare_digest(key.encode(), self._api_key.encode()):
                raise StripeError(401, "invalid_request_error", "Invalid API Key provided.")
            version = request.headers.get("stripe-version", objects.API_VERSION)
            if version != objects.API_VERSION:
                raise invalid_request(f"Invalid Stripe API version: {version}")
            response = await endpoint(request)
            response.headers["stripe-version"] = version
            response.headers["request-id"] = new_id("req")
            return response

        return let_in

    async def pay(self, request: Request) -> Response:
        order = read_form(await _body(request), IntentOrder)
        key = _idempotency_key(request)
        suffered = self._faults.on("captures", order.metadata.get("intent_id"), None)
        return await self._execute(
            key, suffered, order, lambda: self._operations.pay(order, key, suffered)
        )

    async def refund(self, request: Request) -> Response:
        order = read_form(await _body(request), RefundOrder)
        if (order.payment_intent is None) == (order.charge is None):
            raise invalid_request("One of payment_intent and charge is required.")
        payment_id = order.payment_intent or self._rows.payment_of(order.charge or "")
        key = _idempotency_key(request)
        attempt = self._rows.one(ATTEMPTS, payment_id)
        intent_id = attempt["intent_id"] if attempt else None
        suffered = self._faults.on("refunds", intent_id, payment_id)
        return await self._execute(
            key,
            suffered,
            order,
            lambda: self._operations.refund(order, payment_id, key, suffered),
        )

    async def _execute(
        self,
        key: str,
        suffered: Suffered,
        order: Parameters,
        perform: Callable[[], tuple[Answer, bool]],
    ) -> Response:
        executed = await self._executor.execute("stripe", key, suffered, perform)
        if executed is None:
            return Withheld()
        answer, replayed = executed
        body = answer.body
        if order.expand and answer.status < 300:
            body = orjson.dumps(self._expanded(orjson.loads(body), order))
        headers = {"idempotency-key": key, **({"idempotent-replayed": "true"} if replayed else {})}
        return Response(body, answer.status, headers, "application/json")

    def _list(self, kind: Kind) -> Endpoint:
        async def listed(request: Request) -> Response:
            query = read_form(request.url.query, ListQuery)
            found = page(
                self._rows,
                kind.table,
                query,
                url=f"/v1/{kind.path}",
                id_of=lambda id_: self._row_id(kind, id_),
                show=kind.show,
            )
            return _json(self._expanded(found, query))

        return listed

    def _one(self, kind: Kind) -> Endpoint:
        async def one(request: Request) -> Response:
            query = read_form(request.url.query, Parameters)
            found = self._find(kind, request.path_params["id"])
            if found is None:
                raise missing(kind.name, request.path_params["id"], kind.name)
            return _json(self._expanded(found, query))

        return one

    def _find(self, kind: Kind, id_: str) -> dict[str, Any] | None:
        row = self._rows.one(kind.table, self._row_id(kind, id_))
        return None if row is None else kind.show(row)

    def _row_id(self, kind: Kind, id_: str) -> str:
        return self._rows.payment_of(id_) if kind.name == "charge" else id_

    def _expanded(self, found: dict[str, Any], asked: Parameters) -> dict[str, Any]:
        for path in asked.expand.values():
            names = path.split(".")
            if len(names) > EXPAND_DEPTH_MAX:
                raise invalid_request(f"You cannot expand more than 4 levels: {path}")
            self._expand(found, names, path)
        return found

    def _expand(self, found: dict[str, Any], names: list[str], path: str) -> None:
        name, *rest = names
        if name == "data" and found.get("object") == "list":
            for one in found["data"]:
                self._expand(one, rest, path)
            return
        if name not in EXPANDED or name not in found:
            raise invalid_request(f"This property cannot be expanded ({path}).")
        if isinstance(found[name], str):
            kind = next(one for one in KINDS if one.name == EXPANDED[name])
            found[name] = self._find(kind, found[name])
        if rest and found[name] is not None:
            self._expand(found[name], rest, path)


async def _body(request: Request) -> str:
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > BODY_BYTES_MAX:
            raise invalid_request("The request is too large.", status=413)
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError:
        raise invalid_request("Invalid form: what is not ASCII has to be escaped") from None


def _idempotency_key(request: Request) -> str:
    """One that nobody knows where the caller gave none: the request is a new one each time."""
    key = request.headers.get("idempotency-key") or new_id("none")
    if len(key) > KEY_CHARACTERS_MAX:
        raise invalid_request("Idempotency-Key: at most 255 characters.")
    return key


def _json(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
