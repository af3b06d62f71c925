"""Connections to MongoDB, with everything that durability depends on spelled out."""

import re
from typing import Any

from pymongo import AsyncMongoClient, monitoring
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConfigurationError as MongoConfigurationError
from pymongo.errors import InvalidURI

from postbox.errors import ConfigurationError
from postbox.mongo import driver_repairs  # noqa: F401 - for what it repairs
from postbox.tls import in_plain_words

Document = dict[str, Any]
Client = AsyncMongoClient[Document]
Database = AsyncDatabase[Document]
Session = AsyncClientSession

SERVER_SELECTION_TIMEOUT_MS = 5_000
"""As long as a transaction may take: an election is waited out where its time allows."""
CONNECT_TIMEOUT_MS = 2_000
TLS_FILES = "tlsCAFile or tlsCertificateKeyFile"
POOL_SIZE_MAX = 32
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")


class _Client(AsyncMongoClient[Document]):
    """A client that can be used again after it was closed."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._made_with = arguments, options
        self._is_closed = False

    async def close(self) -> None:
        self._is_closed = True
        await super().close()

    def reopen(self) -> None:
        if self._is_closed:
            arguments, options = self._made_with
            _Client.__init__(self, *arguments, **options)


def connect(
    uri: str, *, application: str, listeners: tuple[monitoring.CommandListener, ...] = ()
) -> Client:
    """A client that reads and writes by majority on the primary. It connects at first use."""
    try:
        return _Client(
            uri,
            appname=application,
            tz_aware=True,
            w="majority",
            journal=True,
            readConcernLevel="majority",
            readPreference="primary",
            retryWrites=True,
            retryReads=True,
            serverSelectionTimeoutMS=SERVER_SELECTION_TIMEOUT_MS,
            connectTimeoutMS=CONNECT_TIMEOUT_MS,
            maxPoolSize=POOL_SIZE_MAX,
            event_listeners=listeners,
        )
    except (InvalidURI, MongoConfigurationError, ValueError) as error:
        # What is quoted may be a part of the password.
        text = _QUOTED.sub("...", str(error))
        raise ConfigurationError(f"MONGO_URI: {text}") from None
    except OSError as error:  # SSLError too
        text = in_plain_words(error.strerror or str(error))
        raise ConfigurationError(f"MONGO_URI: {TLS_FILES}: {text}") from None


def reopen(client: Client) -> None:
    """Let a client that `connect` made be used again after it was closed, on any event loop.

    Its databases and collections are good again with it.
    """
    assert isinstance(client, _Client)
    client.reopen()


def own_database(client: Client) -> Database:
    """The database named in the path of the client's URI; a service owns exactly one."""
    try:
        return client.get_default_database()
    except MongoConfigurationError as error:
        raise ConfigurationError("MONGO_URI: name the service's database in its path") from error
