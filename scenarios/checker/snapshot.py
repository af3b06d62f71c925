"""Everything the invariants are judged by, read at one moment.

The three databases are read in one snapshot session: one point in time over all of them, so that a
state without its outbox row is a fault and not a race. Broker and ledger are read beside it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import httpx
from pymongo.asynchronous.client_session import AsyncClientSession

from contracts.topology import EXCHANGE, QUEUES
from contracts.values import Slot
from scenarios.clients.broker import DeadLetter
from scenarios.clients.connections import Connections, Document, database_time

SERVICES: Final = ("gateway", "booking", "payment")
UNROUTED: Final = f"{EXCHANGE}.unrouted"
DEAD: Final = tuple(f"{queue}.dead" for queue in QUEUES)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """An event as its service wrote it; `moves_id` is that of its refund or dispute."""

    service: str
    id: str
    type: str
    intent_id: str
    payment_id: str | None
    state: str
    moves_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """`inbox` holds "<queue>/<event id>"; bookings, payments, captures and views are by their id.

    `charges`, `refunds` and `disputes` are the provider's; `known_refunds` and `known_disputes` are
    what the payment service knows of them, by their id.
    `refused` are the payments that each intent's booking rejected.
    `rivals` are bookings out of scope that want a resource of one in scope. `is_whole` is False
    where only some intents are in scope; what lies in the queues is then not known.
    """

    is_whole: bool
    now: datetime
    intents: frozenset[str]
    outbox: tuple[OutboxRow, ...]
    inbox: frozenset[str]
    bookings: Mapping[str, Document]
    refused: Mapping[str, set[str]]
    rivals: Mapping[str, Document]
    slots: Mapping[str, str]
    payments: Mapping[str, Document]
    known_refunds: Mapping[str, Document]
    known_disputes: Mapping[str, Document]
    captures: Mapping[str, Document]
    views: Mapping[str, Document]
    charges: tuple[Document, ...]
    refunds: tuple[Document, ...]
    disputes: tuple[Document, ...]
    waiting: Mapping[str, int]
    dead_letters: tuple[DeadLetter, ...]
    injected_poison: frozenset[str] = field(default=frozenset())

    def events_of(self, service: str) -> dict[str, list[OutboxRow]]:
        """A service's rows by intent."""
        rows: dict[str, list[OutboxRow]] = {}
        for row in self.outbox:
            if row.service == service:
                rows.setdefault(row.intent_id, []).append(row)
        return rows


async def read(
    connections: Connections,
    *,
    intents: Collection[str] | None = None,
    injected_poison: Collection[str] = (),
    letters: "Letters | None" = None,
) -> Snapshot:
    """Everything, or what concerns these intents. `letters` are those that were read before."""
    wanted = None if intents is None else frozenset(intents)
    queues = DEAD if wanted is not None else (*QUEUES, UNROUTED, *DEAD)
    waiting = {queue: await connections.broker.waiting(queue) for queue in queues}
    now = await database_time(connections.mongo)
    async with connections.mongo.start_session(snapshot=True) as session:
        stored = await _Reader(connections, session, wanted).read()
    ledger = await _ledger(connections, wanted)
    return Snapshot(
        is_whole=wanted is None,
        now=now,
        **stored,
        **ledger,
        waiting=waiting,
        dead_letters=await (letters or Letters()).read(connections, waiting),
        injected_poison=frozenset(injected_poison),
    )


class _Reader:
    """Reads the databases at the session's point in time."""

    def __init__(
        self, connections: Connections, session: AsyncClientSession, wanted: frozenset[str] | None
    ) -> None:
        self._mongo = connections.mongo
        self._session = session
        self._wanted = wanted

    async def read(self) -> dict[str, Any]:
        """The fields of a Snapshot that are stored."""
        outbox = [row for service in SERVICES for row in await self._outbox(service)]
        bookings = await self._by_id("booking", "bookings", self._about("_id"))
        payments = await self._by_id("payment", "payments", self._about("intent_id"))
        of_payments = {} if self._wanted is None else {"payment_id": {"$in": list(payments)}}
        return {
            "intents": frozenset(
                await self._by_id("gateway", "intents", self._about("_id"), "_id")
            ),
            "outbox": tuple(outbox),
            "inbox": await self._inbox(outbox),
            "bookings": bookings,
            "refused": await self._refused(),
            "rivals": await self._rivals(bookings),
            "slots": await self._slots(bookings),
            "payments": payments,
            "known_refunds": await self._by_id("payment", "refunds", of_payments),
            "known_disputes": await self._by_id("payment", "disputes", of_payments),
            "captures": await self._by_id("payment", "captures", self._about("intent_id")),
            "views": await self._by_id("gateway", "views", self._about("_id")),
        }

    def _about(self, name: str) -> Document:
        return {} if self._wanted is None else {name: {"$in": list(self._wanted)}}

    async def _find(
        self, database: str, collection: str, where: Document, *fields: str
    ) -> list[Document]:
        found = self._mongo[database][collection].find(
            where, list(fields) or None, session=self._session
        )
        return await found.to_list()

    async def _by_id(
        self, database: str, collection: str, where: Document, *fields: str
    ) -> dict[str, Document]:
        rows = await self._find(database, collection, where, *fields)
        return {row["_id"]: row for row in rows}

    async def _outbox(self, service: str) -> list[OutboxRow]:
        rows = await self._find(
            service,
            "outbox",
            self._about("subject"),
            *("type", "subject", "state"),
            *("data.paymentId", "data.refundId", "data.disputeId"),
        )
        return [
            OutboxRow(
                service=service,
                id=row["_id"],
                type=row["type"],
                intent_id=row["subject"],
                payment_id=row["data"].get("paymentId"),
                state=row["state"],
                moves_id=row["data"].get("refundId") or row["data"].get("disputeId"),
            )
            for row in rows
        ]

    async def _inbox(self, outbox: Collection[OutboxRow]) -> frozenset[str]:
        ids: set[str] = set()
        for queue in QUEUES:
            where: Document = {}
            if self._wanted is not None:
                where = {"_id": {"$in": [f"{queue}/{row.id}" for row in outbox]}}
            ids.update(row["_id"] for row in await self._find(service_of(queue), "inbox", where))
        return frozenset(ids)

    async def _refused(self) -> dict[str, set[str]]:
        refused: dict[str, set[str]] = {}
        for row in await self._find("booking", "refused_payments", self._about("intent_id")):
            refused.setdefault(row["intent_id"], set()).add(row["payment_id"])
        return refused

    async def _rivals(self, bookings: Mapping[str, Document]) -> dict[str, Document]:
        resources = {
            booking["slot"]["resource_id"] for booking in bookings.values() if booking["slot"]
        }
        if self._wanted is None or not resources:
            return {}
        where = {"slot.resource_id": {"$in": list(resources)}, "_id": {"$nin": list(bookings)}}
        return await self._by_id("booking", "bookings", where)

    async def _slots(self, bookings: Mapping[str, Document]) -> dict[str, str]:
        where: Document = {}
        if self._wanted is not None:
            quanta = [quantum for booking in bookings.values() for quantum in quanta_of(booking)]
            where = {"$or": [self._about("intent_id"), {"_id": {"$in": quanta}}]}
        rows = await self._find("booking", "slots", where)
        return {row["_id"]: row["intent_id"] for row in rows}


async def _ledger(connections: Connections, wanted: frozenset[str] | None) -> Document:
    reply = await connections.http.get(f"{connections.info.provider.url}/ledger")
    if reply.status_code != httpx.codes.OK:
        raise httpx.HTTPStatusError(
            f"the provider's ledger answered {reply.status_code}",
            request=reply.request,
            response=reply,
        )
    ledger = reply.json()
    charges = [one for one in ledger["charges"] if wanted is None or one["intentId"] in wanted]
    ours = {charge["paymentId"] for charge in charges}
    moved = {
        kind: tuple(one for one in ledger[kind] if wanted is None or one["paymentId"] in ours)
        for kind in ("refunds", "disputes")
    }
    return {"charges": tuple(charges), **moved}


class Letters:
    """The dead letters, read again only where their number has changed.

    A broker counts each reading as a delivery, and drops what was delivered too often.
    """

    def __init__(self) -> None:
        self._known: dict[str, list[DeadLetter]] = {}

    async def read(
        self, connections: Connections, waiting: Mapping[str, int]
    ) -> tuple[DeadLetter, ...]:
        for queue in QUEUES:
            if waiting[f"{queue}.dead"] != len(self._known.get(queue, ())):
                self._known[queue] = await connections.broker.dead_letters(queue)
        return tuple(letter for letters in self._known.values() for letter in letters)


def service_of(queue: str) -> str:
    """The service that consumes a queue: the first word of its name."""
    return queue.partition(".")[0]


def quanta_of(booking: Document) -> tuple[str, ...]:
    """The quarter-hours that a booking's slot covers."""
    return Slot.model_validate(booking["slot"]).quanta() if booking["slot"] else ()
