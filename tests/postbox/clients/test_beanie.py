"""Beanie 2 writes a document and its event in one transaction, by the session that both take."""

import pytest
from beanie import Document, init_beanie

from postbox import Outbox, Session, transaction
from postbox.mongo import Client, own_database
from tests.postbox.clients.shop import Placed


class Order(Document):
    customer: str

    class Settings:
        name = "orders"


@pytest.mark.parametrize("fails", [False, True])
async def test_a_document_commits_with_its_event(client: Client, fails: bool) -> None:
    database = own_database(client)
    await init_beanie(database=database, document_models=[Order])
    await database.create_collection("orders")
    outbox = Outbox(database, source="/services/shop")
    await outbox.prepare()

    async def place(session: Session) -> None:
        order = await Order(customer="ada").insert(session=session)
        await outbox.add(session, Placed(str(order.id)))
        if fails:
            raise ZeroDivisionError

    if fails:
        with pytest.raises(ZeroDivisionError):
            await transaction(client, place)
    else:
        await transaction(client, place)
    count = 0 if fails else 1
    assert await Order.find().count() == count
    assert await database["outbox"].count_documents({}) == count
