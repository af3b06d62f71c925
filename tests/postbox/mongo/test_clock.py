"""The database's clock, whatever the program's own client and host make of dates."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pymongo import AsyncMongoClient

from postbox.mongo import DatabaseClock, Document
from tests.conftest import Space


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_east")
@pytest.mark.parametrize("tz_aware", [False, True])
async def test_it_is_right_on_a_host_that_is_not_in_utc(space: Space, tz_aware: bool) -> None:
    client: AsyncMongoClient[Document] = AsyncMongoClient(space.mongo_uri, tz_aware=tz_aware)
    async with client:
        clock = DatabaseClock(client)
        await clock.sync()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
