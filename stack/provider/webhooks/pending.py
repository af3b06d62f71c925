"""Webhooks: pending as rows, sent until they are answered 2xx, signed anew each time.

A restart loses none: the rows are written with the charge and go when the last sending is done. At
least once: a crash between an answer and its row's removal sends it again, under the same id.
"""

import asyncio
import random
import sqlite3
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import structlog

from postbox.wait_for import wait_for
from stack.provider.orders import WebhookOrder
from stack.provider.webhooks.endpoint import Endpoint

IN_FLIGHT_MAX = 64
SENDING_TIMEOUT_S = 10.0
BACKOFF_MIN_MS = 50
BACKOFF_MAX_MS = 1_000
IDLE_S_MAX = 60.0

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Webhook:
    id: int
    message_id: str
    body: str
    sendings: int
    attempts: int


class PendingWebhooks:
    """The rows, and a signal that there may be something to send sooner than was thought."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.changed = asyncio.Event()

    def add(self, *, message_id: str, body: str, order: WebhookOrder) -> None:
        """Owe one more, unless it is to be lost; runs inside the caller's transaction."""
        if order.drop:
            return
        self._connection.execute(
            "INSERT INTO webhooks (message_id, body, due, sendings) VALUES (?, ?, ?, ?)",
            (message_id, body, now_ms() + order.delay_ms, 1 + order.repeat),
        )
        self.changed.set()

    def due(self, at_ms: int, limit: int) -> list[int]:
        """Ids of those due at `at_ms`, the longest due first."""
        query = "SELECT id FROM webhooks WHERE due <= ? ORDER BY due LIMIT ?"
        return [row[0] for row in self._connection.execute(query, (at_ms, limit))]

    def next_due_ms(self, after_ms: int) -> int | None:
        """When the first that is due later than `after_ms` will be."""
        query = "SELECT min(due) FROM webhooks WHERE due > ?"
        (due,) = self._connection.execute(query, (after_ms,)).fetchone()
        return None if due is None else int(due)

    def get(self, webhook_id: int) -> Webhook:
        row = self._connection.execute(
            "SELECT message_id, body, sendings, attempts FROM webhooks WHERE id = ?", (webhook_id,)
        ).fetchone()
        return Webhook(
            id=webhook_id, message_id=row[0], body=row[1], sendings=row[2], attempts=row[3]
        )

    def succeeded(self, webhook: Webhook) -> None:
        if webhook.sendings == 1:
            self._connection.execute("DELETE FROM webhooks WHERE id = ?", (webhook.id,))
        else:
            query = "UPDATE webhooks SET sendings = sendings - 1, attempts = 0 WHERE id = ?"
            self._connection.execute(query, (webhook.id,))

    def failed(self, webhook: Webhook) -> None:
        self._connection.execute(
            "UPDATE webhooks SET attempts = attempts + 1, due = ? WHERE id = ?",
            (now_ms() + backoff_ms(webhook.attempts), webhook.id),
        )

    def count(self) -> int:
        (count,) = self._connection.execute("SELECT count(*) FROM webhooks").fetchone()
        return int(count)


class Signer(Protocol):
    """The headers by which the receiver knows who sent a webhook, and when."""

    def headers(self, message_id: str, at: datetime, body: str) -> Mapping[str, str]: ...


class Dispatcher:
    """Sends what is due, IN_FLIGHT_MAX at a time.

    One webhook that is refused backs off alone; an endpoint that cannot be reached stops them all
    for a moment, for they share it.
    """

    def __init__(self, pending: PendingWebhooks, endpoint: Endpoint, signer: Signer) -> None:
        self._pending = pending
        self._endpoint = endpoint
        self._signer = signer
        self._in_flight: set[int] = set()
        self._outages = 0
        self._paused_until_ms = 0

    async def run(self) -> None:
        """Until cancelled; what is then in flight stays pending."""
        async with asyncio.TaskGroup() as sendings:
            while True:
                self._pending.changed.clear()
                wait_s = self._launch(sendings)
                with suppress(TimeoutError):
                    await wait_for(self._pending.changed.wait(), wait_s)

    def _launch(self, sendings: asyncio.TaskGroup) -> float:
        """Start what is due and fits; seconds until there may be more to do."""
        now = now_ms()
        if now < self._paused_until_ms:
            return (self._paused_until_ms - now) / 1_000
        try:
            for webhook_id in self._pending.due(now, limit=IN_FLIGHT_MAX):
                if len(self._in_flight) == IN_FLIGHT_MAX:
                    return IDLE_S_MAX  # a sending that ends says so
                if webhook_id not in self._in_flight:
                    self._in_flight.add(webhook_id)
                    sendings.create_task(self._send(webhook_id))
            next_due = self._pending.next_due_ms(now)
        except sqlite3.Error as error:
            self._pause(error)
            return BACKOFF_MAX_MS / 1_000
        return IDLE_S_MAX if next_due is None else min(IDLE_S_MAX, max(0, next_due - now) / 1_000)

    async def _send(self, webhook_id: int) -> None:
        try:
            webhook = self._pending.get(webhook_id)
            if await self._delivered(webhook):
                self._pending.succeeded(webhook)
            else:
                self._pending.failed(webhook)
            self._outages = 0
        except (OSError, sqlite3.Error) as error:
            self._pause(error)
        finally:
            self._in_flight.discard(webhook_id)
            self._pending.changed.set()

    async def _delivered(self, webhook: Webhook) -> bool:
        headers = self._signer.headers(webhook.message_id, datetime.now(UTC), webhook.body)
        try:
            async with asyncio.timeout(SENDING_TIMEOUT_S):
                status = await self._endpoint.post(headers, webhook.body)
        except TimeoutError:
            return False
        return 200 <= status < 300

    def _pause(self, error: OSError | sqlite3.Error) -> None:
        if now_ms() < self._paused_until_ms:
            return  # others in flight met the same outage
        if self._outages == 0:
            log.warning("Webhooks wait: they cannot be sent.", error=str(error))
        self._paused_until_ms = now_ms() + backoff_ms(self._outages)
        self._outages += 1


def backoff_ms(attempts: int) -> int:
    """Doubling from BACKOFF_MIN_MS to BACKOFF_MAX_MS, between half and the whole of it."""
    whole = min(BACKOFF_MAX_MS, BACKOFF_MIN_MS << min(attempts, 16))
    return random.randint(whole // 2, whole)


def now_ms() -> int:
    return time.time_ns() // 1_000_000
