"""What the services have stored, as far as a story looks at it; it only reads."""

from collections.abc import Collection

from scenarios.checker.snapshot import SERVICES
from scenarios.clients.connections import Document, Mongo, database_time


class Records:
    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def events(self, intent_ids: Collection[str]) -> dict[str, list[str]]:
        """The types of the events about each intent, from all three outboxes, in order of time."""
        rows: list[Document] = []
        for service in SERVICES:
            found = self._mongo[service].outbox.find(
                {"subject": {"$in": list(intent_ids)}}, ["type", "time", "subject"]
            )
            rows += await found.to_list()
        rows.sort(key=lambda row: (row["time"], row["_id"]))
        events: dict[str, list[str]] = {intent_id: [] for intent_id in intent_ids}
        for row in rows:
            events[row["subject"]].append(row["type"])
        return events

    async def pending(self, intent_ids: Collection[str]) -> int:
        """How many of their events are not published yet."""
        where = {"subject": {"$in": list(intent_ids)}, "state": "pending"}
        return sum(
            [await self._mongo[service].outbox.count_documents(where) for service in SERVICES]
        )

    async def seconds_left(self, intent_id: str) -> float | None:
        """Until the booking's deadline, by the database's clock; 0 where that is over and done
        with, None while there is no such booking."""
        booking = await self._mongo.booking.bookings.find_one({"_id": intent_id}, ["deadline_at"])
        if booking is None:
            return None
        if booking["deadline_at"] is None:
            return 0.0
        now = await database_time(self._mongo)
        return float((booking["deadline_at"] - now).total_seconds())

    async def refund_attempts(self, payment_id: str) -> int:
        """How often the provider was asked to refund it."""
        payment = await self._mongo.payment.payments.find_one({"_id": payment_id}, ["attempts"])
        return 0 if payment is None else int(payment["attempts"])

    async def capture_attempts(self, intent_id: str) -> int:
        """How often the provider was asked to capture for it."""
        capture = await self._mongo.payment.captures.find_one(
            {"intent_id": intent_id}, ["attempts"]
        )
        return 0 if capture is None else int(capture["attempts"])
