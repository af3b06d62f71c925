"""One rule for clients that answer at once and for clients that are awaited.

Every rule of this library that asks the database is a coroutine, typed by PyMongo's asynchronous
client, whose words the other clients share. It awaits `answer(call)`. Where the client answers at
once, nothing in the coroutine ever waits, and `at_once` runs it to its end without an event loop.
"""

from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from inspect import isawaitable
from typing import Any, TypeVar, overload

from postbox.mongo.connection import Client, Session

T = TypeVar("T")


@overload
async def answer(call: Awaitable[T]) -> T: ...
@overload
async def answer(call: T) -> T: ...
async def answer(call: Any) -> Any:
    """What a call of a client's method gives, be it there already or still to come."""
    return await call if isawaitable(call) else call


def at_once(rule: Coroutine[Any, Any, T]) -> T:
    """The result of a rule whose client answers at once. In the caller's thread and context."""
    try:
        rule.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    rule.close()
    raise AssertionError("a rule waits, though its client answers at once")


@asynccontextmanager
async def open_session(client: Client, **options: Any) -> AsyncIterator[Session]:
    """A session of `client`. What it has in a transaction at the end of the block is aborted."""
    session = await answer(client.start_session(**options))
    try:
        yield session
    finally:
        await answer(session.end_session())
