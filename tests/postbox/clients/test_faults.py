"""Whatever the database or a process does, with each client order and event exist together, once.

A fault that MongoDB injects hits the commands of the tests' clients alone.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from time import monotonic
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from postbox.errors import DatabaseUnavailable
from postbox.mongo import answer, connect
from stack.supervision.process import ROOT
from tests.eventually import eventually
from tests.postbox.clients.shop import KINDS, Shop
from tests.postbox.failpoints import failing, short_lived_transactions
from tests.postbox.mongo.test_transaction_faults import APPLIED_BUT_LATE, TRANSIENT
from tests.postbox.tcp_proxy import tcp_proxy

BOTH = (["o1"], ["o1"])
PRIMARYLESS_S = 1


async def steps_down(uri: str) -> None:
    async with connect(uri, application="failpoints") as admin:
        with suppress(AutoReconnect):  # it closes its connections
            await admin.admin.command("replSetStepDown", PRIMARYLESS_S, force=True)


class Counted:
    """A body that places an order, and how often it ran."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self.runs = 0

    async def place(self, session: Any) -> None:
        self.runs += 1
        await self._shop.place(session)


@pytest.mark.fault(3, "the commit's reply is lost, or it is applied and then an error")
@pytest.mark.parametrize(
    "how", [{"closeConnection": True}, APPLIED_BUT_LATE], ids=["lost", "applied"]
)
async def test_a_commit_whose_outcome_is_unknown_is_made_sure_of(
    shop: Shop, how: dict[str, Any]
) -> None:
    """Goal: one effect, and no error. Method: the first commit loses its connection, or is applied
    and then answered with a write concern error."""
    body = Counted(shop)
    async with failing(shop.uri, "commitTransaction", times=1, **how):
        await shop.transaction(body.place)
    assert body.runs == 1
    assert await shop.placed() == BOTH


@pytest.mark.fault(4, "transient transaction errors")
@pytest.mark.parametrize("command", ["insert", "commitTransaction"])
async def test_a_transient_error_repeats_the_whole(shop: Shop, command: str) -> None:
    """Goal: one effect. Method: the first two commands are refused with the transient label."""
    body = Counted(shop)
    async with failing(shop.uri, command, times=2, **TRANSIENT):
        await shop.transaction(body.place)
    assert body.runs == 3
    assert await shop.placed() == BOTH


@pytest.mark.fault(4, "transient transaction errors")
@pytest.mark.parametrize("command", ["insert", "commitTransaction"])
async def test_transient_errors_without_end_end_in_time(shop: Shop, command: str) -> None:
    """Goal: the caller hears of it, soon, and nothing is left. Method: no command ever passes."""
    body = Counted(shop)
    began = monotonic()
    async with failing(shop.uri, command, **TRANSIENT):
        with pytest.raises(DatabaseUnavailable):
            await shop.transaction(body.place, timeout_s=0.4)
    assert monotonic() - began < 2
    assert body.runs > 1
    assert await shop.placed() == ([], [])


@pytest.mark.fault(7, "primary steps down")
async def test_a_primary_that_steps_down_in_mid_transaction_is_waited_for(shop: Shop) -> None:
    """Goal: one effect. Method: the server steps down after the writes, and is elected again."""
    runs = 0

    async def body(session: Any) -> None:
        nonlocal runs
        runs += 1
        await shop.place(session)
        if runs == 1:
            await shop.meanwhile(steps_down(shop.uri))

    await shop.transaction(body)
    assert runs > 1
    assert await shop.placed() == BOTH


async def test_a_write_conflict_is_decided_again_on_a_fresh_snapshot(shop: Shop) -> None:
    seen = []

    async def body(session: Any) -> None:
        order = await answer(shop.orders.find_one({"_id": "o1"}, session=session))
        seen.append(order)
        if len(seen) == 1:  # somebody else is faster
            await shop.meanwhile(shop.transaction(shop.place))
        if order is None:
            await shop.place(session)

    await shop.transaction(body)
    assert seen == [None, {"_id": "o1"}]
    assert await shop.placed() == BOTH


async def test_a_transaction_that_is_out_of_time_frees_its_keys_at_once(shop: Shop) -> None:
    """Goal: no orphan. Method: after the writes, the line carries nothing any more."""
    async with tcp_proxy(shop.uri.replace("replicaSet=rs0", "directConnection=true")) as line:
        cut_off = Shop(shop.kind, line.uri)

        async def hangs(session: Any) -> None:
            await cut_off.place(session)
            line.stall()
            await cut_off.place(session, "o2")

        with pytest.raises(DatabaseUnavailable):
            await cut_off.transaction(hangs, timeout_s=0.5)
        if shop.kind != "asynchronous":
            line.cut()  # for an answer to what their closing says, they would wait
        await cut_off.close()
    began = monotonic()
    await shop.transaction(shop.place)
    assert monotonic() - began < 1
    assert await shop.placed() == BOTH


@pytest.mark.fault(1, "killed after its writes, before the commit")
async def test_a_process_killed_before_its_commit_has_done_nothing(mongo_uri: str) -> None:
    """Goal: neither order nor event, and their keys are free again at the server's own limit.
    Method: SIGKILL between the outbox's write and the commit, one process a kind of client."""
    shop = Shop("asynchronous", mongo_uri)
    await shop.prepare()
    async with short_lived_transactions(mongo_uri):
        await asyncio.gather(*(killed_before_its_commit(kind, mongo_uri) for kind in KINDS))
        assert await shop.placed() == ([], [])

        async def are_free() -> bool:
            with suppress(DatabaseUnavailable):
                await shop.transaction(place_all, timeout_s=0.5)
                return True
            return False

        async def place_all(session: Any) -> None:
            for kind in KINDS:
                await shop.place(session, kind)

        await eventually(are_free, limit_s=5)
    assert await shop.placed() == (sorted(KINDS), sorted(KINDS))
    await shop.close()


async def killed_before_its_commit(kind: str, uri: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.postbox.clients.shop", kind, kind),
        cwd=ROOT,
        env={**os.environ, "MONGO_URI": uri, "CRASH_AT": "outbox.added"},
    )
    assert await process.wait() == -signal.SIGKILL
