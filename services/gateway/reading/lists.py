"""Bookings of one user, or of all, newest first; and what of a resource is taken.

Both read the read model by an index, and never more rows than is said here: a page that is asked
for by status or resource may have less than it might, even nothing, and a cursor to go on from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pymongo import IndexModel

from contracts import rfc3339
from contracts.values import QUANTUM, SLOT_MAX_QUANTA, Slot
from postbox.mongo import Database, Document, bounded, ensure_indexes
from postbox.service import NOT_VALID, unavailable
from services.gateway.reading.queries import BookingsQuery, Place, SlotsQuery
from services.gateway.rules.view import Status

READ_MAX: Final = 500
TAKEN_READ_MAX: Final = 5_000
WINDOW_DEFAULT: Final = timedelta(days=7)
WINDOW_MAX: Final = timedelta(days=31)
LIVE: Final = [Status.PENDING.value, Status.CONFIRMED.value]
_ALWAYS: Final = datetime(1, 1, 1, tzinfo=UTC)
_NEWEST_FIRST: Final = [("created_at", -1), ("_id", -1)]
OF_USER: Final = IndexModel([("user_id", 1), *_NEWEST_FIRST], name="of_user")
OF_ALL: Final = IndexModel(_NEWEST_FIRST, name="of_all")
# Answers by itself, without a look at the documents.
OF_RESOURCE: Final = IndexModel(
    [("slot.resource_id", 1), ("status", 1), ("slot.starts_at", 1), ("slot.ends_at", 1)],
    name="of_resource",
    partialFilterExpression={"slot.resource_id": {"$exists": True}},
)
_SHOWN: Final = ("user_id", "status", "reason", "amount", "currency", "slot", "created_at")


@dataclass(frozen=True, slots=True)
class Page:
    """Some bookings, and where the next page begins; None after the last one."""

    rows: list[Document]
    next: Place | None

    def to_json(self) -> dict[str, Any]:
        page: dict[str, Any] = {"bookings": [_item(row) for row in self.rows]}
        return page if self.next is None else {**page, "next": self.next.cursor()}


class Lists:
    """Reads pages of the read model."""

    def __init__(self, database: Database) -> None:
        self._views = database["views"]

    @staticmethod
    async def prepare(database: Database) -> None:
        await ensure_indexes(database["views"], [OF_USER, OF_ALL, OF_RESOURCE])

    async def bookings(self, query: BookingsQuery, user_id: str | None) -> Page:
        """Those of `user_id`, of everybody where it is None. None that 0.1.0 made."""
        made: dict[str, Any] = {"$gte": query.since or _ALWAYS}
        if query.until is not None:
            made["$lt"] = query.until
        where: dict[str, Any] = {"created_at": made}
        if user_id is not None:
            where["user_id"] = user_id
        if (place := query.cursor) is not None:
            made["$lte"] = place.created_at
            where["$or"] = [
                {"created_at": {"$lt": place.created_at}},
                {"_id": {"$lt": place.intent_id}},
            ]
        found: list[Document] = []
        last, count = None, 0
        index = (OF_ALL if user_id is None else OF_USER).document["name"]
        with bounded():
            rows = self._views.find(where, _SHOWN, sort=_NEWEST_FIRST, hint=index)
            async with rows.limit(READ_MAX + 1) as rows:
                async for row in rows:
                    if len(found) == query.limit or count == READ_MAX:
                        assert last is not None
                        return Page(found, Place(_utc(last["created_at"]), last["_id"]))
                    last, count = row, count + 1
                    if _is_wanted(row, query):
                        found.append(row)
        return Page(found, None)

    async def taken(self, resource_id: str, query: SlotsQuery, now: datetime) -> dict[str, Any]:
        """The slots that bookings hold or want; `to` is earlier where there are too many."""
        window = _window(query, now)
        since, until = rfc3339.render(window.since), rfc3339.render(window.until)
        # A view has a slot's times as text, in whole seconds of UTC, which sorts as they do.
        where = {
            "slot.resource_id": resource_id,
            "status": {"$in": LIVE},
            "slot.starts_at": {"$gt": rfc3339.render(window.earliest), "$lt": until},
            "slot.ends_at": {"$gt": since},
        }
        shown = {"_id": 0, "slot.starts_at": 1, "slot.ends_at": 1}
        with bounded():
            found = self._views.find(where, shown, sort=[("slot.starts_at", 1)])
            rows = found.hint(OF_RESOURCE.document["name"]).limit(TAKEN_READ_MAX + 1)
            slots = [row["slot"] async for row in rows]
        taken = {(slot["starts_at"], slot["ends_at"]) for slot in slots[:TAKEN_READ_MAX]}
        if len(slots) > TAKEN_READ_MAX:
            until = slots[-1]["starts_at"]
        if until <= since:
            raise unavailable("Too many want this resource at the moment")
        return {
            "resourceId": resource_id,
            "from": since,
            "to": until,
            "taken": [
                {"startsAt": starts, "endsAt": ends}
                for starts, ends in sorted(taken)
                if starts < until
            ],
        }


def _is_wanted(row: Document, query: BookingsQuery) -> bool:
    resource_id = (row["slot"] or {}).get("resource_id")
    return query.status in (None, row["status"]) and query.resource_id in (None, resource_id)


@dataclass(frozen=True, slots=True)
class _Window:
    """A time, in whole seconds; what is on in it began after `earliest`."""

    since: datetime
    until: datetime
    earliest: datetime


def _window(query: SlotsQuery, now: datetime) -> _Window:
    try:
        since = (query.since or now).replace(microsecond=0)
        until = query.until or since + WINDOW_DEFAULT
        until += timedelta(microseconds=-until.microsecond % 1_000_000)
        earliest = since - SLOT_MAX_QUANTA * QUANTUM
        is_allowed = since < until <= since + WINDOW_MAX
    except OverflowError:
        is_allowed = False
    if not is_allowed:
        detail = f"to must be after from, by {WINDOW_MAX.days} days at most"
        raise NOT_VALID.problem(field="to", detail=detail)
    return _Window(since, until, earliest)


def _item(row: Mapping[str, Any]) -> dict[str, Any]:
    item = {
        "intentId": row["_id"],
        "userId": row["user_id"],
        "status": row["status"],
        "reason": row["reason"],
        "amount": row["amount"],
        "currency": row["currency"],
        "slot": row["slot"] and Slot.model_validate(row["slot"]).model_dump(by_alias=True),
        "createdAt": rfc3339.render(_utc(row["created_at"])),
        "links": {"self": f"/booking/{row['_id']}"},
    }
    return {name: value for name, value in item.items() if value is not None}


def _utc(time: datetime) -> datetime:
    """By default a client reads the database's UTC as naive times."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)
