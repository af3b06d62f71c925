"""A source's database, for one command."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from postbox.errors import ConfigurationError, DatabaseUnavailable
from postbox.mongo import Database, Document, connect, database_errors, own_database
from postbox.operations import backlog
from postbox.outbox import Source


@asynccontextmanager
async def opened(source: Source) -> AsyncIterator[Database]:
    """The database of `source`; errors name the source. Raises DatabaseUnavailable."""
    try:
        client = connect(source.uri, application="postbox")
    except (ConfigurationError, ValueError) as error:  # ValueError: the driver's, for a port
        what = str(error).removeprefix("MONGO_URI: ")
        raise ConfigurationError(f"RELAY_SOURCES: {source.name}: {what}") from error
    async with client:
        try:
            with database_errors():
                yield own_database(client)
        except DatabaseUnavailable as error:
            raise DatabaseUnavailable(f"{source.name}: {error}") from error


async def row_of(source: Source, id_: str) -> Document | None:
    """The row of that id in a source's outbox, whatever its state."""
    async with opened(source) as database:
        return await backlog.find(database, id_, collection=source.collection)
