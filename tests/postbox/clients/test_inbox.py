"""With each client, a message is seen for the first time once, whatever repeats and races."""

import asyncio
from typing import Any

import pytest

from postbox.errors import InvalidMessage, OutsideTransaction
from postbox.mongo import answer
from tests.postbox.clients.shop import Shop


class Mail:
    """A consumer that sends a mail for each message that is new."""

    def __init__(self, shop: Shop, consumer: str = "mail") -> None:
        self._inbox = shop.inbox(consumer)
        self._mails = shop.database["mails"]
        self._shop = shop

    async def handle(self, session: Any, message_id: str = "m1") -> bool:
        first: bool = await answer(self._inbox.first_time(session, message_id))
        if first:
            await answer(self._mails.insert_one({"message": message_id}, session=session))
        return first

    async def sent(self) -> int:
        count: int = await self._shop.do(lambda: self._mails.count_documents({}))
        return count


@pytest.fixture
def mail(shop: Shop) -> Mail:
    return Mail(shop)


async def test_a_message_is_new_once(shop: Shop, mail: Mail) -> None:
    async def twice(session: Any) -> tuple[bool, bool]:
        return await mail.handle(session), await mail.handle(session)

    assert await shop.transaction(twice) == (True, False)
    assert await shop.own_transaction(twice) == (False, False)
    assert await mail.sent() == 1


async def test_what_was_rolled_back_was_never_seen(shop: Shop, mail: Mail) -> None:
    async def fails(session: Any) -> None:
        assert await mail.handle(session)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await shop.transaction(fails)
    assert await shop.transaction(mail.handle)


async def test_each_consumer_remembers_for_itself(shop: Shop, mail: Mail) -> None:
    assert await shop.transaction(mail.handle)
    assert await shop.transaction(Mail(shop, "bills").handle)
    assert not await shop.transaction(Mail(shop, "bills").handle)
    assert await mail.sent() == 2


@pytest.mark.fault(5, "two consumers, one event")
async def test_of_many_that_race_one_is_first(shop: Shop, mail: Mail) -> None:
    """Goal: one effect. Method: six transactions at once."""
    firsts = await asyncio.gather(*(shop.transaction(mail.handle) for _ in range(6)))
    assert sorted(firsts) == [False] * 5 + [True]
    assert await mail.sent() == 1


@pytest.mark.fault(5, "two consumers, one event")
async def test_who_is_overtaken_finds_out_on_a_fresh_snapshot(shop: Shop, mail: Mail) -> None:
    """Goal: one effect, and no run without end. Method: another commits the same after the snapshot
    was taken, in our transaction and in the program's own."""
    runs = 0

    async def overtaken(session: Any) -> bool:
        nonlocal runs
        runs += 1
        await answer(shop.orders.find_one({}, session=session))
        if runs == 1:
            assert await shop.meanwhile(shop.transaction(mail.handle))
        return await mail.handle(session)

    for transaction in (shop.transaction, shop.own_transaction):
        runs = 0
        await shop.do(lambda: shop.database["inbox"].delete_many({}))
        assert await transaction(overtaken) is False
        assert runs == 2
    assert await mail.sent() == 2


async def test_outside_a_transaction_nothing_is_remembered(shop: Shop) -> None:
    async def outside() -> None:
        session = await answer(shop.client.start_session())
        with pytest.raises(OutsideTransaction):
            await answer(shop.inbox("mail").first_time(session, "m1"))
        await answer(session.end_session())

    await shop.run(outside())
    assert await shop.do(lambda: shop.database["inbox"].count_documents({})) == 0


async def test_a_message_without_an_id_is_no_repeat_of_another(shop: Shop) -> None:
    async def handle(session: Any) -> None:
        for message_id in (None, "", 7):
            with pytest.raises(InvalidMessage, match="message_id"):
                await answer(shop.inbox("mail").first_time(session, message_id))

    await shop.transaction(handle)
