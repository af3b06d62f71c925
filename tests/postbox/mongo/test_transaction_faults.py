"""Whatever the database answers, or fails to answer, a transaction is applied once at most."""

from time import monotonic
from typing import Any

import pytest

from postbox.errors import DatabaseUnavailable
from postbox.mongo import Client, Session, own_database, transaction
from tests.postbox.failpoints import failing

TRANSIENT: dict[str, Any] = {"errorCode": 251, "errorLabels": ["TransientTransactionError"]}
APPLIED_BUT_LATE: dict[str, Any] = {
    "writeConcernError": {"code": 64, "errmsg": "late", "errInfo": {"wtimeout": True}}
}


class Account:
    """A body that adds to one account, and how often it ran."""

    def __init__(self, client: Client) -> None:
        self._rows = own_database(client)["accounts"]
        self.tries = 0

    async def open(self) -> None:
        await self._rows.insert_one({"_id": 1, "balance": 0})

    async def add(self, session: Session) -> None:
        self.tries += 1
        await self._rows.update_one({"_id": 1}, {"$inc": {"balance": 1}}, session=session)

    async def balance(self) -> int:
        row = await self._rows.find_one({"_id": 1})
        assert row is not None
        return int(row["balance"])


@pytest.fixture
async def account(client: Client) -> Account:
    account = Account(client)
    await account.open()
    return account


@pytest.mark.fault(3, "the commit's reply is lost, or it is applied and then an error")
@pytest.mark.parametrize(
    "how", [{"closeConnection": True}, APPLIED_BUT_LATE], ids=["lost", "applied"]
)
async def test_a_commit_whose_outcome_is_unknown_is_made_sure_of(
    client: Client, mongo_uri: str, account: Account, how: dict[str, Any]
) -> None:
    """Goal: one effect, though the first commit was not answered with success.

    Method: the first commitTransaction loses its connection, or is applied and then answered with
    a write concern error that has timed out.
    """
    async with failing(mongo_uri, "commitTransaction", times=1, **how):
        await transaction(client, account.add)
    assert await account.balance() == 1


@pytest.mark.fault(4, "transient transaction errors")
@pytest.mark.parametrize("command", ["update", "commitTransaction"])
async def test_a_transient_error_repeats_the_whole(
    client: Client, mongo_uri: str, account: Account, command: str
) -> None:
    """Goal: one effect. Method: the first two commands are refused with the transient label."""
    async with failing(mongo_uri, command, times=2, **TRANSIENT):
        await transaction(client, account.add)
    assert account.tries == 3
    assert await account.balance() == 1


@pytest.mark.fault(4, "transient transaction errors")
async def test_transient_errors_without_end_end_in_time(
    client: Client, mongo_uri: str, account: Account
) -> None:
    """Goal: the caller hears that the database is not available, soon. Method: no commit passes."""
    began = monotonic()
    async with failing(mongo_uri, "commitTransaction", **TRANSIENT):
        with pytest.raises(DatabaseUnavailable):
            await transaction(client, account.add, timeout_s=0.5)
    assert monotonic() - began < 3
    assert account.tries > 1
    assert await account.balance() == 0
