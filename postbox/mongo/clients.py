"""The clients that this library is used with: what each is made of, and which module is for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from postbox.errors import OutsideTransaction, WrongClient
from postbox.mongo.connection import Client, Database, Session

_MODULES: Final = {
    "pymongo.asynchronous": "postbox",
    "pymongo.synchronous": "postbox.sync",
    "motor": "postbox.motor",
}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of client. Its objects are typed as those of PyMongo's asynchronous client."""

    module: str
    client: type
    database: type
    session: type
    with_transaction: Callable[..., Any]
    """Called with a session and a body, it runs the body in a transaction and commits that."""

    def own_client(self, client: object) -> Client:
        """`client`, if it is of this kind. WrongClient names the module for it."""
        self._check("client", client, self.client)
        return cast(Client, client)

    def own_database(self, database: object) -> Database:
        """`database`, if it is of this kind. WrongClient names the module for it."""
        self._check("database", database, self.database)
        return cast(Database, database)

    def in_transaction(self, session: object) -> Session:
        """`session`, if of this kind and in a transaction. OutsideTransaction, WrongClient."""
        if session is not None:
            self._check("session", session, self.session)
        own = cast(Session | None, session)
        if own is None or not own.in_transaction:
            raise OutsideTransaction("session: a row is written only inside a transaction")
        return own

    def _check(self, name: str, value: object, wanted: type) -> None:
        if isinstance(value, wanted):
            return
        problem = f"{name}: {type(value).__name__}, where {self.module} needs {wanted.__name__}"
        module = _module_for(value)
        if module not in (None, self.module):
            problem += f": import from {module}, which is for that client"
        raise WrongClient(problem)


def _module_for(value: object) -> str | None:
    for base in type(value).__mro__:
        for package, module in _MODULES.items():
            if base.__module__ == package or base.__module__.startswith(f"{package}."):
                return module
    return None


ASYNC: Final = Kind(
    module="postbox",
    client=AsyncMongoClient,
    database=AsyncDatabase,
    session=AsyncClientSession,
    with_transaction=AsyncClientSession.with_transaction,
)
