"""What belongs to another client is refused, and the module that is for it is named."""

from typing import Any, Final

import pytest

from postbox.errors import WrongClient
from postbox.mongo import answer
from stack.servers.mongod import Mongod
from tests.postbox.clients.shop import Placed, Shop

FOR: Final = {"asynchronous": "postbox", "synchronous": "postbox.sync", "motor": "postbox.motor"}


async def test_the_module_for_it_is_named(shop: Shop) -> None:
    for kind in FOR.keys() - {shop.kind}:
        other = Shop(kind, shop.uri)
        await refuses(shop, other, named=f"import from {FOR[kind]},")
        await other.close()
    assert await shop.placed() == ([], [])


async def refuses(shop: Shop, other: Shop, *, named: str) -> None:
    async def with_its_session() -> None:
        session = await answer(other.client.start_session())
        for rule in (_add, _first_time):
            with pytest.raises(WrongClient, match=f"session: .*{named}"):
                await shop.run(rule(shop, session))
        await answer(session.end_session())

    with pytest.raises(WrongClient, match=f"database: .*{named}"):
        shop.module.Outbox(other.database, source="/services/shop")
    with pytest.raises(WrongClient, match=f"database: .*{named}"):
        shop.module.Inbox(other.database, consumer="mail")
    with pytest.raises(WrongClient, match=f"client: .*{named}"):
        await shop.do(lambda: shop.module.transaction(other.client, shop.place))
    await with_its_session()


async def test_what_is_no_database_is_told_apart(shop: Shop) -> None:
    with pytest.raises(WrongClient, match=r"database: \w*Client, where .* needs \w*Database$"):
        shop.module.Outbox(shop.client, source="/services/shop")


async def test_a_body_that_would_commit_nothing_is_refused(mongod: Mongod) -> None:
    shop = Shop("synchronous", mongod.database("clients_synchronous"))

    async def body(session: Any) -> None:
        raise AssertionError("it must not run")

    with pytest.raises(WrongClient, match="body: a coroutine function"):
        await shop.do(lambda: shop.module.transaction(shop.client, body))
    await shop.close()


async def _add(shop: Shop, session: Any) -> None:
    await answer(shop.outbox.add(session, Placed("o1")))


async def _first_time(shop: Shop, session: Any) -> None:
    await answer(shop.inbox("mail").first_time(session, "m1"))
