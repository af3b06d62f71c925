"""A shop on each kind of client, with a database of its own that each test finds empty."""

import gc
import warnings
from collections.abc import AsyncIterator, Iterator

import pytest

from postbox.mongo import connect
from stack.servers.mongod import Mongod
from tests.postbox.clients.shop import KINDS, Shop


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """PyMongo leaves some connections that a server closed to the garbage collector: it comes here,
    and not in whichever test is under way."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="session", params=KINDS)
async def prepared_shop(request: pytest.FixtureRequest, mongod: Mongod) -> AsyncIterator[Shop]:
    """Collections and indexes are made once: they take far longer than a test."""
    shop = Shop(request.param, mongod.database(f"clients_{request.param}"))
    await shop.prepare()
    yield shop
    await shop.close()
    async with connect(shop.uri, application="tests") as client:
        await client.drop_database(client.get_default_database())


@pytest.fixture
async def shop(prepared_shop: Shop) -> Shop:
    await prepared_shop.empty()
    return prepared_shop
