"""Accepting commands: idempotency key, intent, read model and outbox rows in one transaction.

There is no "in progress" mark that a crash could leave behind: a command that was accepted is
there with all that belongs to it, and one that was not leaves nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

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
    transaction,
)
from postbox.outbox import Outbox
from postbox.runtime import crash_point
from postbox.service import Problem, Submission
from postbox.telemetry import trace_id, under
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
            desk = await _Desk.open(session, self._database, self._outbox, self._clock, group)
            replies = []
            for submission in group:
                with under(submission.context):
                    replies.append(desk.handle(submission.request))
            await desk.write(session)
            crash_point("gateway.written")
            return replies

        replies = await transaction(self._database.client, body)
        crash_point("gateway.committed")
        return replies


class _Desk:
    """One group's unit of work: what was known, what is accepted, what is to be written."""

    def __init__(
        self, keys: States, intents: States, views: Views, outbox: Outbox, clock: DatabaseClock
    ) -> None:
        self._keys = keys
        self._intents = intents
        self._views = views
        self._outbox = outbox
        self._clock = clock
        self._rows: list[Document] = []

    @classmethod
    async def open(
        cls,
        session: Session,
        database: Database,
        outbox: Outbox,
        clock: DatabaseClock,
        group: Sequence[Submission[Command]],
    ) -> "_Desk":
        commands = [submission.request for submission in group]
        creates = [one for one in commands if isinstance(one, CreateIntent)]
        return cls(
            await States.read(session, database["idempotency"], {one.key for one in creates}),
            await States.read(session, database["intents"], {one.intent_id for one in creates}),
            await Views.read(session, database, {one.intent_id for one in commands}),
            outbox,
            clock,
        )

    def handle(self, command: Command) -> Reply:
        if isinstance(command, CreateIntent):
            return self._create(command)
        return self._cancel(command)

    def _create(self, command: CreateIntent) -> Reply:
        if known := self._keys.get(command.key):
            if known["fingerprint"] != command.fingerprint:
                return _reused("Idempotency-Key")
            return Accepted(known["intent_id"], replayed=True)
        known = self._intents.get(command.intent_id)
        if known and known["fingerprint"] != command.fingerprint:
            return _reused("intentId")
        now = self._clock.now()
        # Judged only here: a reply that was given before is given again, however late.
        if not known and command.body.slot and command.body.slot.starts_at < now:
            return Problem(422, "The slot is in the past", field="slot.startsAt")
        row = {"fingerprint": command.fingerprint, "intent_id": command.intent_id, "at": now}
        if command.key is not None:
            self._keys.put(command.key, row)
        if known:
            return Accepted(command.intent_id, replayed=True)
        self._intents.put(command.intent_id, row)
        self._emit(command.facts(now))
        return Accepted(command.intent_id)

    def _cancel(self, command: CancelBooking) -> Reply:
        known = self._views.get(command.intent_id)
        if known is None:
            return Problem(404, "No such booking", field="intentId")
        if not known.cancel_requested:
            self._emit(command.facts())
        return Accepted(command.intent_id, replayed=known.cancel_requested)

    def _emit(self, facts: Sequence[Event]) -> None:
        """Add to the outbox, and show it at once: a GET right after the reply finds it."""
        for fact, row in zip(facts, self._outbox.rows(facts), strict=True):
            self._rows.append(row)
            trace = trace_id(row["traceparent"])
            self._views.project(fact, event_id=row["_id"], time=row["time"], trace_id=trace)

    async def write(self, session: Session) -> None:
        await self._keys.write(session)
        await self._intents.write(session)
        await self._views.write(session)
        await self._outbox.insert(session, self._rows)


def _reused(field: str) -> Problem:
    return Problem(422, f"This {field} was used before with another request", field=field)
