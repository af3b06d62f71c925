"""With each client, an event commits with the state that it speaks of, or does not exist."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from postbox.errors import EventTooLarge, OutsideTransaction, SchemaMismatch
from postbox.events import partition
from postbox.mongo import answer
from tests.postbox.clients.shop import Placed, Shop


async def test_a_row_commits_with_the_state(shop: Shop) -> None:
    (event_id,) = await shop.transaction(shop.place)
    row = await shop.do(lambda: shop.database["outbox"].find_one({}))
    assert len(row.pop("traceparent")) == 55
    assert abs(row.pop("time").replace(tzinfo=UTC) - datetime.now(UTC)) < timedelta(seconds=5)
    assert row == {
        "_id": event_id,
        "type": "order.placed",
        "subject": "o1",
        "source": "/services/shop",
        "data": {"order": "o1"},
        "partition": partition("o1"),
        "state": "pending",
    }
    assert await shop.placed() == (["o1"], ["o1"])


async def test_a_transaction_that_fails_emits_nothing(shop: Shop) -> None:
    async def fails(session: Any) -> None:
        await shop.place(session)
        raise ZeroDivisionError

    for transaction in (shop.transaction, shop.own_transaction):
        with pytest.raises(ZeroDivisionError):
            await transaction(fails)
    assert await shop.placed() == ([], [])


async def test_it_works_in_the_programs_own_transaction(shop: Shop) -> None:
    async def by_hand() -> None:
        session = await answer(shop.client.start_session())
        for order, end in (("o2", "commit_transaction"), ("o3", "abort_transaction")):
            await answer(session.start_transaction())
            await shop.place(session, order)
            await answer(getattr(session, end)())
        await answer(session.end_session())

    await shop.own_transaction(shop.place)
    await shop.run(by_hand())
    assert await shop.placed() == (["o1", "o2"], ["o1", "o2"])


async def test_outside_a_transaction_nothing_is_written(shop: Shop) -> None:
    async def add(session: Any) -> None:
        with pytest.raises(OutsideTransaction, match="session"):
            await answer(shop.outbox.add(session, Placed("o1")))

    async def outside() -> None:
        session = await answer(shop.client.start_session())
        await add(session)
        await answer(session.start_transaction())
        await answer(session.commit_transaction())
        await add(session)
        await answer(session.end_session())

    await shop.run(add(None))
    await shop.run(outside())
    assert await shop.placed() == ([], [])


async def test_an_event_that_is_too_large_is_refused_before_anything_is_written(
    shop: Shop,
) -> None:
    async def caught(session: Any) -> None:
        with pytest.raises(EventTooLarge):
            await answer(shop.outbox.add(session, Placed("o1"), Placed("x" * 300_000)))

    await shop.transaction(caught)
    assert await shop.placed() == ([], [])


async def test_preparing_is_safe_to_repeat_and_refuses_what_takes_no_rows(shop: Shop) -> None:
    async def indexes() -> Any:
        return await shop.do(lambda: shop.database["outbox"].index_information())

    before = await indexes()
    assert "published" in before
    retention = timedelta(days=1)
    kept = shop.module.Outbox(shop.database, source="/services/shop", retention=retention)
    await shop.do(lambda: shop.outbox.prepare())
    assert await indexes() == before
    await shop.do(lambda: kept.prepare())
    assert (await indexes())["published"]["expireAfterSeconds"] == 86_400
    other = shop.module.Outbox(shop.database, source="/services/shop", collection="view")
    await shop.do(lambda: shop.database.command("create", "view", viewOn="outbox", pipeline=[]))
    with pytest.raises(SchemaMismatch, match="is a view"):
        await shop.do(lambda: other.prepare())


async def test_rows_are_dated_rightly_whatever_the_client_and_its_host_make_of_dates(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    there = Shop(shop.kind, shop.uri, tz_aware=False)
    try:
        await there.do(lambda: there.outbox.prepare())
        await there.transaction(there.place)
        row = await there.do(lambda: there.database["outbox"].find_one({}))
        assert abs(row["time"].replace(tzinfo=UTC) - datetime.now(UTC)) < timedelta(minutes=1)
    finally:
        await there.close()
        monkeypatch.undo()
        time.tzset()
