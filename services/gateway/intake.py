"""Accepting commands: idempotency key, intent, read model and outbox rows in one transaction.

There is no "in progress" mark that a crash could leave behind: a command that was accepted is
there with all that belongs to it, and one that was not leaves nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from opentelemetry.context import Context
from pymongo import IndexModel

from contracts.events import Event
from postbox.mongo import (
    Database,
    DatabaseClock,
    Document,
    Session,
    States,
    ensure_collections,
    ensure_indexes,
    is_retried,
    transaction,
)
from postbox.outbox import Outbox
from postbox.runtime import crash_point
from postbox.service import Problem, Submission
from postbox.telemetry import trace_id, under
from services.gateway.problems import NO_SUCH_BOOKING, REUSED, SLOT_IN_THE_PAST
from services.gateway.requests import CancelBooking, Command, CreateIntent
from services.gateway.views import Views

KEY_RETENTION = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to a command; `replayed` where it had been accepted before."""

    intent_id: str
    replayed: bool = False


Reply = Accepted | Problem


class Intake:
    """Commits groups of commands; each gets its own reply."""

    def __init__(self, database: Database, outbox: Outbox, clock: DatabaseClock) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock

    @staticmethod
    async def prepare(database: Database) -> None:
        """Create what a transaction must not: collections and indexes."""
        expiry_s = int(KEY_RETENTION.total_seconds())
        await ensure_indexes(
            database["idempotency"], [IndexModel("at", name="at_1", expireAfterSeconds=expiry_s)]
        )
        await ensure_collections(database, "intents", "views", "view_archive")

    async def commit(self, group: Sequence[Submission[Command]]) -> list[Reply]:
        """Accept or refuse each command of `group`, in one transaction."""

        async def body(session: Session) -> list[Reply]:
            work = await _UnitOfWork.open(session, self._database, self._outbox, self._clock, group)
            replies = await work.handle(session, group)
            crash_point("gateway.written")
            return replies

        replies = await transaction(self._database.client, body)
        crash_point("gateway.committed")
        return replies


class _UnitOfWork:
    """One group's unit of work: what was known, what is accepted, what is to be written."""

    def __init__(
        self, keys: States, intents: States, views: Views, outbox: Outbox, clock: DatabaseClock
    ) -> None:
        self._keys = keys
        self._intents = intents
        self._views = views
        self._outbox = outbox
        self._clock = clock
        self._new: list[tuple[Context, CreateIntent, datetime]] = []
        self._rows: list[Document] = []

    @classmethod
    async def open(
        cls,
        session: Session,
        database: Database,
        outbox: Outbox,
        clock: DatabaseClock,
        group: Sequence[Submission[Command]],
    ) -> "_UnitOfWork":
        commands = [submission.request for submission in group]
        creates = [one for one in commands if isinstance(one, CreateIntent)]
        keys, intents = {one.key for one in creates}, {one.intent_id for one in creates}
        new = _new(commands, clock.now())
        new_keys, new_ids = {one.key for one in new}, {one.intent_id for one in new}
        views = {one.intent_id for one in commands}
        return cls(
            await States.read(session, database["idempotency"], keys, absent=new_keys),
            await States.read(session, database["intents"], intents, absent=new_ids),
            await Views.read(session, database, views),
            outbox,
            clock,
        )

    async def handle(self, session: Session, group: Sequence[Submission[Command]]) -> list[Reply]:
        """The reply to each; intents first, for those that cancel came at the same moment.

        The server may refuse a key or an intent that is not new. Only after that is anything
        emitted: no trace is to have an event that never was.
        """
        replies: dict[int, Reply] = {}
        for place, submission in enumerate(group):
            if isinstance(submission.request, CreateIntent):
                replies[place] = self._create(submission.request, submission.context)
        await self._keys.write(session)
        await self._intents.write(session)
        for context, command, now in self._new:
            with under(context):
                self._emit(command.facts(now))
        for place, submission in enumerate(group):
            if isinstance(submission.request, CancelBooking):
                with under(submission.context):
                    replies[place] = self._cancel(submission.request)
        await self._views.write(session)
        await self._outbox.insert(session, self._rows)
        return [replies[place] for place in range(len(group))]

    def _create(self, command: CreateIntent, context: Context) -> Reply:
        if known := self._keys.get(command.key):
            if known["fingerprint"] != command.fingerprint:
                return REUSED.problem(field="Idempotency-Key")
            return Accepted(known["intent_id"], replayed=True)
        known = self._intents.get(command.intent_id)
        if known and known["fingerprint"] != command.fingerprint:
            return REUSED.problem(field="intentId")
        now = self._clock.now()
        # Judged only here: a reply that was given before is given again, however late.
        if not known and command.body.slot and command.body.slot.starts_at < now:
            return SLOT_IN_THE_PAST.problem(field="slot.startsAt")
        row = {"fingerprint": command.fingerprint, "intent_id": command.intent_id, "at": now}
        if command.key is not None:
            self._keys.put(command.key, row)
        if known:
            return Accepted(command.intent_id, replayed=True)
        self._intents.put(command.intent_id, row)
        self._new.append((context, command, now))
        return Accepted(command.intent_id)

    def _cancel(self, command: CancelBooking) -> Reply:
        known = self._views.get(command.intent_id)
        if known is None or not command.caller.may_see(known.user_id):
            return NO_SUCH_BOOKING.problem(field="intentId")
        if not known.cancel_requested:
            self._emit(command.facts())
        return Accepted(command.intent_id, replayed=known.cancel_requested)

    def _emit(self, facts: Sequence[Event]) -> None:
        """Add to the outbox, and show it at once: a GET right after the reply finds it."""
        for fact, row in zip(facts, self._outbox.rows(facts), strict=True):
            self._rows.append(row)
            trace = trace_id(row["traceparent"])
            self._views.project(fact, event_id=row["_id"], time=row["time"], trace_id=trace)


def _new(commands: Sequence[Command], now: datetime) -> list[CreateIntent]:
    """The intents that can be taken for new without reading: each will be inserted, and the server
    refuses it where it is not. One whose slot is past would be refused here, if it is no repeat."""
    if is_retried():
        return []
    return [
        one
        for one in commands
        if isinstance(one, CreateIntent) and not (one.body.slot and one.body.slot.starts_at < now)
    ]
