"""The databases that the console looks at: one client each, for as long as it runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from pymongo.errors import PyMongoError

from postbox.errors import ConfigurationError, DatabaseUnavailable
from postbox.mongo import Client, Database, bounded, connect, own_database, reason
from postbox.outbox import Source

T = TypeVar("T")
ASK_TIMEOUT_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class Looked:
    """One source, and its database."""

    source: Source
    database: Database

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def collection(self) -> str:
        return self.source.collection


class Sources:
    """All sources, in the order in which they were named."""

    def __init__(self, sources: Sequence[Looked]) -> None:
        self.all: Final = tuple(sources)
        self._by_name = {one.name: one for one in sources}

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.all]

    def named(self, name: str) -> Looked | None:
        return self._by_name.get(name)

    async def ask(
        self,
        question: Callable[[Looked], Awaitable[T]],
        *,
        among: Sequence[Looked] | None = None,
        limit_s: float | None = None,
    ) -> tuple[dict[str, T], dict[str, str]]:
        """The answer of each source, and why the others gave none; all are asked at once."""
        asked = self.all if among is None else among
        told = await asyncio.gather(
            *(_answer(question, one, limit_s or ASK_TIMEOUT_S) for one in asked)
        )
        named = list(zip(asked, told, strict=True))
        answers = {one.name: said[0] for one, said in named if not isinstance(said, str)}
        problems = {one.name: said for one, said in named if isinstance(said, str)}
        return answers, problems


async def ask_one(question: Callable[[], Awaitable[T]]) -> T:
    """The answer, within the same time. DatabaseUnavailable."""
    with bounded(ASK_TIMEOUT_S):
        return await question()


async def _answer(
    question: Callable[[Looked], Awaitable[T]], looked: Looked, limit_s: float
) -> tuple[T] | str:
    try:
        with bounded(limit_s):
            return (await question(looked),)
    except DatabaseUnavailable as error:
        cause = error.__cause__
        is_late = isinstance(cause, PyMongoError) and cause.timeout
        return f"no answer within {limit_s:.0f} s" if is_late else str(error)
    except PyMongoError as error:
        return reason(error)


@asynccontextmanager
async def opened(sources: Sequence[Source]) -> AsyncIterator[Sources]:
    """Clients for `sources`. ConfigurationError names the one that is wrong."""
    async with AsyncExitStack() as clients:
        looked = []
        for source in sources:
            client = _client(source.uri, f"CONSOLE_SOURCES: {source.name}")
            await clients.enter_async_context(client)
            looked.append(Looked(source, own_database(client)))
        yield Sources(looked)


@asynccontextmanager
async def opened_own(uri: str | None) -> AsyncIterator[Database | None]:
    """The console's own database, if it has one."""
    if uri is None:
        yield None
        return
    async with _client(uri, "MONGO_URI") as client:
        yield own_database(client)


def _client(uri: str, called: str) -> Client:
    try:
        return connect(uri, application="postbox console")
    except (ConfigurationError, ValueError) as error:
        what = str(error).removeprefix("MONGO_URI: ")
        raise ConfigurationError(f"{called}: {what}") from error
