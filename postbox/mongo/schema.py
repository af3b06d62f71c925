"""Collections and indexes as a program needs them: made, brought up to date, or refused.

Guarantees that a program starts only where its documents can be written in transactions. What an
earlier version made is changed in place; what somebody else made is never touched: SchemaMismatch
says what was found, where, and what to do.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pymongo import IndexModel
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import OperationFailure

from postbox.errors import ConfigurationError, SchemaMismatch
from postbox.mongo.calls import answer, open_session
from postbox.mongo.connection import Client, Database, Document
from postbox.mongo.errors import is_refused, is_unavailable

NAMESPACE_EXISTS: Final = 48
INDEX_NOT_FOUND: Final = 27
UNAUTHORIZED: Final = 13
WIRE_VERSION_MIN: Final = 17
"""MongoDB 6.0's."""
_COMPARED: Final = ("key", "partialFilterExpression", "unique", "sparse")
EXPIRY: Final = "expireAfterSeconds"


async def check_server(client: Client) -> None:
    """ConfigurationError unless the server is a replica set of MongoDB 6.0 or newer."""
    hello = await client.admin.command("hello")
    if hello["maxWireVersion"] < WIRE_VERSION_MIN:
        raise ConfigurationError("MONGO_URI: MongoDB is too old: 6.0 or newer is needed")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise ConfigurationError(
            "MONGO_URI: MongoDB is no replica set, and transactions need one: start mongod with"
            " --replSet and run rs.initiate() once"
        )


async def ensure_collections(database: Database, *names: str) -> None:
    """Make those that are missing. SchemaMismatch for one that takes no transactions.

    A transaction must not make a collection; other programs may make the same ones just now.
    """
    found = await _collections(database, names)
    for name in names:
        if name in found:
            _check_kind(database, found[name])
            continue
        try:
            await answer(database.create_collection(name, check_exists=False))
        except OperationFailure as error:
            if error.code != NAMESPACE_EXISTS:
                raise


async def ensure_indexes(
    collection: AsyncCollection[Document],
    wanted: Sequence[IndexModel],
    *,
    earlier: Mapping[str, Mapping[str, Any]] | None = None,
    keeps_expiry: bool = False,
) -> None:
    """Make the collection and its indexes, or change the expiry of those that are there.

    An index that is there keeps its expiry where `keeps_expiry`. `earlier` maps the names of
    indexes that an earlier version made to their keys: they are dropped. SchemaMismatch where an
    index of a wanted name differs in anything but its expiry.
    """
    await ensure_collections(collection.database, collection.name)
    found = await _indexes(collection)
    for name, keys in (earlier or {}).items():
        if name in found and dict(found[name]["key"]) == dict(keys):
            await _drop(collection, name)
            del found[name]
    missing = [model for model in wanted if model.document["name"] not in found]
    for model in wanted:
        if model in missing:
            continue
        index = model.document
        _check_shape(collection, found[index["name"]], index)
        has_changed = EXPIRY in index and found[index["name"]].get(EXPIRY) != index[EXPIRY]
        if has_changed and not keeps_expiry:
            await _change_expiry(collection, index)
    if missing:
        try:
            await answer(collection.create_indexes(missing))
        except OperationFailure as error:
            raise _refused(collection, error) from error


async def try_write(collection: AsyncCollection[Document], documents: Iterable[Document]) -> None:
    """Write in a transaction that is aborted. SchemaMismatch where the server refuses it for good.

    It finds what the definition of a collection does not show, such as a validator that refuses
    the documents.
    """
    client = collection.database.client
    async with open_session(client) as session:
        await answer(session.start_transaction())
        for document in documents:
            try:
                await answer(collection.insert_one(document, session=session))
            except OperationFailure as error:
                raise _refused(collection, error) from error
        await answer(session.abort_transaction())


async def _collections(database: Database, names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """What there is of `names`; nothing where this user may not look, but perhaps make."""
    try:
        cursor = await answer(database.list_collections(filter={"name": {"$in": list(names)}}))
        return {one["name"]: one for one in await answer(cursor.to_list(None))}
    except OperationFailure as error:
        if error.code != UNAUTHORIZED:
            raise
        return {}


async def _indexes(collection: AsyncCollection[Document]) -> dict[str, Mapping[str, Any]]:
    try:
        return dict(await answer(collection.index_information()))
    except OperationFailure as error:
        if error.code != UNAUTHORIZED:
            raise
        return {}


def _check_kind(database: Database, found: Mapping[str, Any]) -> None:
    kind, name = found["type"], found["name"]
    if kind == "collection" and found["options"].get("capped"):
        kind = "capped collection"
    if kind != "collection":
        raise SchemaMismatch(
            f"{database.name}.{name} is a {kind}, where a plain collection is needed: rename or"
            " drop it, or use another database"
        )


def _check_shape(
    collection: AsyncCollection[Document], found: Mapping[str, Any], wanted: Mapping[str, Any]
) -> None:
    name = wanted["name"]
    if any(_plain(found.get(part)) != _plain(wanted.get(part)) for part in _COMPARED):
        raise SchemaMismatch(
            f"{collection.full_name} has an index {name!r} on {_shape(found)}, where one on"
            f" {_shape(wanted)} is needed: drop it (db.{collection.name}.dropIndex({name!r}))"
        )


async def _change_expiry(collection: AsyncCollection[Document], wanted: Mapping[str, Any]) -> None:
    index = {"name": wanted["name"], EXPIRY: wanted[EXPIRY]}
    await answer(collection.database.command("collMod", collection.name, index=index))


async def _drop(collection: AsyncCollection[Document], name: str) -> None:
    try:
        await answer(collection.drop_index(name))
    except OperationFailure as error:
        if error.code != INDEX_NOT_FOUND:  # another program was faster
            raise


def _refused(collection: AsyncCollection[Document], error: OperationFailure) -> Exception:
    """SchemaMismatch, unless the same may succeed later."""
    if is_unavailable(error) or is_refused(error):
        return error
    text = (error.details or {}).get("errmsg", str(error))
    return SchemaMismatch(f"{collection.full_name} is not as it is needed: {text}")


def _plain(value: object) -> object:
    return list(value.items()) if isinstance(value, Mapping) else value


def _shape(index: Mapping[str, Any]) -> str:
    parts = {part: index[part] for part in _COMPARED if part in index}
    keys = dict(parts.pop("key"))
    return str(keys) + "".join(f", {name}: {value}" for name, value in parts.items())
