"""One person's data is erased from every service, whatever comes late, and the books stay."""

import asyncio
import os
import sys
from typing import Any

from contracts.values import is_forgotten
from stack.supervision.process import ROOT
from tests.eventually import eventually
from tests.service.booking_system import PRICE, BookingSystem, fresh, slot

EXPIRES_BY_ITSELF = {"outbox"}
"""Published rows go after a week."""


async def forget(
    system: BookingSystem, *arguments: str, **variables: str
) -> tuple[int | None, str]:
    """The command's exit code, and what it printed."""
    uri = system.stack.info.mongo.uri.replace("/?", "/gateway?")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.gateway", "forget", *arguments),
        cwd=ROOT,
        env={**os.environ, "MONGO_URI": uri, **variables},
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    return process.returncode, printed.decode()


async def places(system: BookingSystem, *words: str) -> set[str]:
    """Every collection that has any of these words, but for those that expire by themselves."""
    found = set[str]()
    for service in ("gateway", "booking", "payment"):
        database = system.client[service]
        for name in set(await database.list_collection_names()) - EXPIRES_BY_ITSELF:
            async for row in database[name].find():
                if any(word in repr(row) for word in words):
                    found.add(f"{service}.{name}")
    return found


async def test_a_person_is_forgotten_everywhere_and_the_books_stay(
    shared_system: BookingSystem,
) -> None:
    """Goal: nothing names the person, though the command is killed and a payment comes late.

    Method: bookings that end in each way; kill the command after the first; look into every row.
    """
    person, card = fresh("person"), fresh("card")
    captured = await shared_system.booked(userId=person, paymentMethod=card)
    failed = await shared_system.booked(userId=person)
    ahead = await shared_system.booked(userId=person, slot=slot(fresh("room")))
    await shared_system.pay(failed, userId=person, amount=PRICE + 1)
    await shared_system.pay(ahead, userId=person)
    await shared_system.final(ahead)
    books = {one: await shared_system.final(one) for one in (captured, failed)}

    code, _ = await forget(shared_system, "--user", person, CRASH_AT="gateway.forgotten:1")
    assert code not in (0, 1, 2)
    await shared_system.client["gateway"]["idempotency"].insert_one(
        {"_id": f"{person}\nkey", "fingerprint": "f", "intent_id": captured}
    )

    async def all_but_one() -> bool:
        code, printed = await forget(shared_system, "--user", person)
        return code == 1 and f"{ahead}: it is confirmed until" in printed and "1 not" in printed

    await eventually(all_but_one, every_s=0.2)
    assert "gateway.idempotency" in await places(shared_system, person)
    assert (await shared_system.cancel(ahead)).status_code == 202
    await eventually(lambda: _is_cancelled(shared_system, ahead))
    assert await forget(shared_system, "--user", person) == (
        0,
        "1 forgotten, 0 not at their end yet\n",
    )

    async def nobody() -> bool:
        return await places(shared_system, person, card) == set()

    await eventually(nobody, every_s=0.2)
    for intent_id, before in books.items():
        after = await shared_system.final(intent_id)
        assert (after["amount"], after["payments"]) == (before["amount"], before["payments"])
    await _comes_late(shared_system, failed, person)


async def _is_cancelled(shared_system: BookingSystem, intent_id: str) -> bool:
    view = await shared_system.final(intent_id)
    return bool(view["status"] == "cancelled")


async def _comes_late(shared_system: BookingSystem, intent_id: str, person: str) -> None:
    """Another payment, with the person's name; and the report of an earlier one once more."""
    alarms = await shared_system.counted("payment", "payment_alarms_total")
    late = await shared_system.pay(intent_id, userId=person)
    view = await shared_system.final(intent_id)

    async def refunded() -> bool:
        view = await shared_system.final(intent_id)
        return {one["paymentId"]: one["status"] for one in view["payments"]}.get(late) == "refunded"

    async def nobody() -> bool:
        return await places(shared_system, person) == set()

    await eventually(refunded)
    await eventually(nobody, every_s=0.2)
    earlier: dict[str, Any] = view["payments"][0]
    charge = {"paymentId": earlier["paymentId"], "amount": earlier["amount"]}
    assert (
        await shared_system.webhook(shared_system.charge(intent_id, userId=person, **charge))
    ).status_code == 202
    assert await shared_system.counted("payment", "payment_alarms_total") == alarms
    row = await shared_system.client["payment"]["payments"].find_one({"_id": earlier["paymentId"]})
    assert row is not None
    assert is_forgotten(row["user_id"])
    assert row["amount"] == earlier["amount"]
