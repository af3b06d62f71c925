"""`python -m services.gateway forget --user ID`: who made these bookings is forgotten.

An id that was drawn for the one booking takes the user's place: here at once, at the booking and
the payment service by an event that commits with it. A booking that is not at its end stays as it
is, and is named. What is done is done: the same command goes on where it was ended.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Final
from uuid import uuid4

import structlog

from contracts.events import IDS_MAX, BookingUserForgotten
from contracts.values import FORGOTTEN
from postbox.errors import ConfigurationError, TryAgain
from postbox.mongo import (
    Database,
    DatabaseClock,
    Document,
    Session,
    States,
    bounded,
    connect,
    own_database,
    transaction,
)
from postbox.outbox import Outbox
from postbox.runtime import crash_point
from postbox.service import MongoUri, Settings, load
from services.gateway.reading.lists import OF_USER
from services.gateway.rules.forgetting import captures_of, under_way
from services.gateway.rules.view import PaymentView, View

NAME: Final = "forget"
ABOUT: Final = "Forget who made a user's bookings (see forget --help)."
DONE, UNDER_WAY, FAILED = 0, 1, 2


class ForgetSettings(Settings):
    """Where it is forgotten."""

    mongo_uri: MongoUri
    """mongodb://host/database: the gateway's own database is in its path."""


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    asked = _parser().parse_args(arguments)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        return asyncio.run(_forget(load(ForgetSettings), asked.user, asked.intent))
    except ConfigurationError as error:
        print(f"gateway: {error}", file=sys.stderr)
    except TryAgain as error:
        print(f"ended before all was done; run it again: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted; run it again to go on", file=sys.stderr)
    return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m services.gateway {NAME}",
        description="Forget who made these bookings, in every service. Exits with 1 where some are"
        " not at their end yet, with 2 where it could not go on; run it again then.",
        epilog="environment variables: MONGO_URI",
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--user", metavar="ID", help="as the identity provider names them")
    which.add_argument(
        "--intent",
        metavar="ID",
        action="append",
        help="this booking, such as one that was paid and never wished for; may be repeated",
    )
    return parser


async def _forget(settings: ForgetSettings, user: str | None, intents: list[str] | None) -> int:
    client = connect(settings.mongo_uri, application="gateway forget")
    try:
        clock = DatabaseClock(client)
        await clock.sync()
        erasure = Erasure(own_database(client), clock)
        done = left = 0
        async for intent_id in _each(intents) if user is None else erasure.of_user(user):
            reason = await erasure.forget(intent_id)
            if reason is not None:
                left += 1
                print(f"{intent_id}: {reason}", flush=True)
                continue
            done += 1
            if sys.stderr.isatty():
                print(f"forgotten in {done:,} ...", end="\r", file=sys.stderr, flush=True)
        if user is not None and not left:
            await erasure.forget_keys(user)
        print(f"{done} forgotten, {left} not at their end yet")
        return UNDER_WAY if left else DONE
    finally:
        await client.close()


async def _each(intents: list[str] | None) -> AsyncIterator[str]:
    for intent_id in intents or ():
        yield intent_id


class Erasure:
    """Forgets the user of one booking after another, each in a transaction of its own."""

    def __init__(self, database: Database, clock: DatabaseClock) -> None:
        self._database = database
        self._clock = clock
        self._outbox = Outbox(database, source="/services/gateway", clock=clock)

    async def of_user(self, user_id: str) -> AsyncIterator[str]:
        """The bookings that still name this user."""
        found = self._database["views"].find({"user_id": user_id}, {"_id": 1})
        with bounded():
            rows = await found.hint(str(OF_USER.document["name"])).to_list()
        for row in rows:
            yield row["_id"]

    async def forget(self, intent_id: str) -> str | None:
        """Why not, or None where it is done."""
        alias = f"{FORGOTTEN}{uuid4().hex}"

        async def body(session: Session) -> str | None:
            views = await States.read(session, self._database["views"], [intent_id])
            intents = await States.read(session, self._database["intents"], [intent_id])
            document = views.get(intent_id)
            if document is None:
                return "there is no such booking"
            view, archive = View.from_document(document), await self._archive(session, intent_id)
            payments = [*view.payments, *(PaymentView.from_document(one) for one in archive[0])]
            if (reason := under_way(view, payments, self._clock.now())) is not None:
                return reason
            views.put(intent_id, replace(view, user_id=alias).to_document())
            if (intent := intents.get(intent_id)) is not None:
                intents.put(intent_id, {**intent, "fingerprint": FORGOTTEN})
            await views.write(session)
            await intents.write(session)
            entries = [(entry.type, entry.event_id) for entry in view.timeline]
            entries += [(one["type"], one["event_id"]) for one in archive[1]]
            payment_ids = [payment.payment_id for payment in payments]
            events = _events(intent_id, alias, payment_ids, captures_of(entries))
            await self._outbox.insert(session, self._outbox.rows(events))
            return None

        reason = await transaction(self._database.client, body)
        crash_point("gateway.forgotten")
        return reason

    async def _archive(
        self, session: Session, intent_id: str
    ) -> tuple[list[Document], list[Document]]:
        """The payments, and the timeline's entries, that the view had no room for."""
        found = []
        for part in ("payments", "timeline"):
            whole = {"$gte": f"{intent_id}/{part}/", "$lt": f"{intent_id}/{part}0"}
            rows = self._database["view_archive"].find({"_id": whole}, session=session)
            found.append(await rows.to_list())
        return found[0], found[1]

    async def forget_keys(self, user_id: str) -> None:
        """The idempotency keys of a user who had a token; others name nobody."""
        theirs = {"$gte": f"{user_id}\n", "$lt": f"{user_id}\x0b"}  # the next after a line break
        with bounded():
            await self._database["idempotency"].delete_many({"_id": theirs})


def _events(
    intent_id: str, alias: str, payment_ids: Sequence[str], capture_ids: Sequence[str]
) -> list[BookingUserForgotten]:
    """One that tells it at least, although nothing was ever paid."""
    starts = range(0, max(len(payment_ids), len(capture_ids), 1), IDS_MAX)
    return [
        BookingUserForgotten(
            intent_id=intent_id,
            alias=alias,
            payment_ids=tuple(payment_ids[start : start + IDS_MAX]),
            capture_ids=tuple(capture_ids[start : start + IDS_MAX]),
        )
        for start in starts
    ]
