"""Python's drivers: each writes the rows of one column, and says what it refused to write."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from beanie import Document, init_beanie
from bson.errors import BSONError
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from tests.interop.rows.own_values import PYTHON
from tests.interop.rows.values import NO_VALUE, VALUES

Refusals = dict[str, str]
Insert = Callable[[dict[str, Any]], Awaitable[object]]


async def pymongo(uri: str, type_: str, column: str) -> Refusals:
    async with AsyncMongoClient[dict[str, Any]](uri) as client:
        return await _written(client.get_default_database()["outbox"].insert_one, type_, column)


async def motor(uri: str, type_: str, column: str) -> Refusals:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(uri)
    try:
        return await _written(client.get_default_database()["outbox"].insert_one, type_, column)
    finally:
        client.close()


class OutboxRow(Document):
    """As a program on Beanie would have it: the three fields that a row needs."""

    type: str
    subject: str
    data: dict[str, Any]

    class Settings:
        name = "outbox"


async def beanie(uri: str, type_: str, column: str) -> Refusals:
    async with AsyncMongoClient[dict[str, Any]](uri) as client:
        await init_beanie(client.get_default_database(), document_models=[OutboxRow])

        async def insert(row: dict[str, Any]) -> None:
            await OutboxRow(**row).insert()

        return await _written(insert, type_, column)


async def _written(insert: Insert, type_: str, column: str) -> Refusals:
    values = {value.name: value.python for value in VALUES if value.python is not NO_VALUE}
    refusals: Refusals = {}
    for name, value in {**values, **PYTHON}.items():
        try:
            await insert({"type": type_, "subject": f"{column}/{name}", "data": {"value": value}})
        except (PyMongoError, BSONError, ValueError, TypeError, OverflowError) as error:
            refusals[name] = f"{type(error).__name__}: {error}"
    return refusals


WRITERS: Final[dict[str, Callable[[str, str, str], Awaitable[Refusals]]]] = {
    "PyMongo": pymongo,
    "Motor": motor,
    "Beanie": beanie,
}
