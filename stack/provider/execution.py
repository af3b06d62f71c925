"""How an order is executed: once for its key, one at a time, and through the armed faults."""

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from stack.provider.database import transaction
from stack.provider.faults import Suffered
from stack.provider.ledger import Answer, Ledger, Operation
from stack.provider.problems import Problem

Reply = tuple[int, bytes]
"""Status and JSON body."""


class Executor:
    """Shared by both doors: a key belongs to an operation, not to a connection."""

    def __init__(self, connection: sqlite3.Connection, ledger: Ledger) -> None:
        self._connection = connection
        self._ledger = ledger
        self._in_progress: set[tuple[Operation, str]] = set()

    async def execute(
        self,
        operation: Operation,
        key: str,
        suffered: Suffered,
        perform: Callable[[], tuple[Answer, bool]],
    ) -> tuple[Answer, bool] | None:
        """Delay, refuse, fail, do it, withhold the answer: in this order, each if a fault says so.

        None where the answer is withheld.
        """
        with self._working_on(operation, key):
            if suffered.delay_s:
                await asyncio.sleep(suffered.delay_s)
            suffered.refuse()
            answer, replayed = perform()
        if answer.status < 300 and suffered.withholds_answer():
            return None
        return answer, replayed

    @contextmanager
    def _working_on(self, operation: Operation, key: str) -> Iterator[None]:
        if (operation, key) in self._in_progress:
            raise Problem(409, "in-progress", "a request with this key is in progress")
        self._in_progress.add((operation, key))
        try:
            yield
        finally:
            self._in_progress.discard((operation, key))

    def once(
        self, operation: Operation, key: str, asked: Any, perform: Callable[[], Reply]
    ) -> tuple[Answer, bool]:
        """The answer to this key, and whether it had been given before.

        A Problem is not an answer: it is not kept, and the key stays free.
        """
        plain = orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)
        fingerprint = hashlib.sha256(plain).digest()
        saved = self._ledger.answer(operation, key)
        if saved is not None:
            if saved.fingerprint != fingerprint:
                raise Problem(409, "idempotency-key-reused", "the key had another body before")
            return saved, True
        with transaction(self._connection):
            status, body = perform()
            answer = Answer(status=status, body=body, fingerprint=fingerprint)
            self._ledger.add_answer(operation, key, answer)
        return answer, False
