"""The inbox remembers what a consumer has applied, and nothing that was rolled back."""

from collections.abc import Iterable

import pytest

from postbox.inbox import Inbox
from postbox.inbox.inbox import RETENTION
from postbox.mongo import Client, DatabaseClock, Session, own_database, transaction


def inbox(client: Client, consumer: str) -> Inbox:
    return Inbox(own_database(client), consumer=consumer, clock=DatabaseClock(client))


async def seen(client: Client, inbox: Inbox, ids: Iterable[str]) -> set[str]:
    async def body(session: Session) -> set[str]:
        return await inbox.seen(session, ids)

    return await transaction(client, body)


async def test_each_consumer_remembers_for_itself(client: Client) -> None:
    service, mail = inbox(client, "shop"), inbox(client, "mail")
    await service.prepare()

    async def body(session: Session) -> None:
        await service.record(session, ["e1", "e2"])
        assert await service.seen(session, ["e1", "e3"]) == {"e1"}

    await transaction(client, body)
    assert await seen(client, service, ["e1", "e2", "e3"]) == {"e1", "e2"}
    assert await seen(client, mail, ["e1", "e2", "e3"]) == set()
    rows = own_database(client)["inbox"]
    assert {row["_id"] async for row in rows.find()} == {"shop/e1", "shop/e2"}


async def test_what_was_rolled_back_was_never_seen(client: Client) -> None:
    service = inbox(client, "shop")
    await service.prepare()

    async def body(session: Session) -> None:
        await service.record(session, ["e1"])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await transaction(client, body)
    assert await seen(client, service, ["e1"]) == set()


async def test_rows_outlive_every_dead_letter(client: Client) -> None:
    await inbox(client, "shop").prepare()
    indexes = await own_database(client)["inbox"].index_information()
    assert indexes["at_1"]["expireAfterSeconds"] == RETENTION.total_seconds() == 30 * 86_400
