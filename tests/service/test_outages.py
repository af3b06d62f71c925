"""A server that is away delays what was promised and loses none of it."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import aio_pika
import httpx
import pytest

from tests.eventually import eventually
from tests.service.test_refused_intents import is_problem
from tests.service.town import ALL, Town, fresh

ANSWER_LIMIT_S = 8.0
READYZ_LIMIT_S = 10.0
Outage = Callable[[Town, str], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def held(town: Town, server: str) -> AsyncIterator[None]:
    await town.stack.hold(server)
    try:
        yield
    finally:
        await town.stack.release(server)


@asynccontextmanager
async def frozen(town: Town, server: str) -> AsyncIterator[None]:
    await town.stack.kill(server, signal.SIGSTOP)
    try:
        yield
    finally:
        await town.stack.kill(server, signal.SIGCONT)


async def tells(town: Town, part: str) -> None:
    """Each service says within seconds which part is wrong, and is alive all the same."""

    async def look() -> bool:
        for program in ("gateway", "booking", "payment"):
            checks = await town.readiness(program)
            assert checks[part] != "ok", f"{program}: {checks}"
        return True

    await eventually(look, limit_s=READYZ_LIMIT_S)
    for program in ("gateway", "booking", "payment", "relay"):
        url = getattr(town.stack.info, program).url
        assert (await town.http.get(f"{url}/healthz")).status_code == 200


@pytest.mark.fault(8, "mongod is killed, or frozen, and comes back")
@pytest.mark.parametrize("outage", [held, frozen])
async def test_while_the_database_is_away_requests_are_answered_503(
    town: Town, outage: Outage
) -> None:
    """Goal: nobody waits long for a 503 that says when to come again; nothing is half done.

    Method: the real mongod is killed and kept down, or stopped by SIGSTOP.
    """
    before, key = await town.booked(), fresh("key")

    async def refused(ask: Awaitable[httpx.Response]) -> None:
        async with asyncio.timeout(ANSWER_LIMIT_S):
            answer = await ask
        is_problem(answer, 503, None)
        assert int(answer.headers["retry-after"]) > 0

    async with outage(town, "mongo"):
        await asyncio.gather(
            refused(town.show(before)),
            refused(town.book(key)),
            refused(town.cancel(before)),
            refused(town.webhook(town.charge(before))),
            refused(town.webhook(b"unreadable")),
            tells(town, "database"),
        )
    await town.stack.ready("mongo", *ALL)
    assert (await town.show(before)).status_code == 200
    answer = await town.book(key)
    assert answer.status_code == 202
    await town.pay(answer.json()["intentId"])
    assert (await town.final(answer.json()["intentId"]))["status"] == "confirmed"


@pytest.mark.fault(10, "the broker is killed and comes back")
async def test_while_the_broker_is_away_intents_and_payments_are_accepted(town: Town) -> None:
    """Goal: no request is refused, by a gateway that started meanwhile either; no event is lost.

    Method: RabbitMQ is killed and kept down; the gateway is started anew without it.
    """
    async with held(town, "rabbitmq"):
        first = await town.booked()
        await town.pay(first)
        await tells(town, "broker")
        await town.stack.restart("gateway", wait=False)

        async def accepts() -> str:
            try:
                return await town.booked()
            except httpx.TransportError:
                return ""

        second = await eventually(accepts)
        assert (await town.readiness("gateway"))["broker"] != "ok"
        assert (await town.show(first)).json()["status"] == "pending"
        await town.pay(second)
    for intent_id in (first, second):
        assert (await town.final(intent_id))["status"] == "confirmed"
    await town.stack.ready(*ALL)


@pytest.mark.fault(12, "a binding is missing")
async def test_a_binding_that_is_missing_is_declared_again_by_a_service(town: Town) -> None:
    """Goal: within seconds events flow again. Method: unbind booking.events from one type."""
    async with await aio_pika.connect(town.stack.info.rabbitmq.uri) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue("booking.events")
        await queue.unbind("events", routing_key="booking.intent.created")

    async def is_confirmed_again() -> bool:
        intent_id = await town.booked()
        await town.pay(intent_id)
        view = await town.final(intent_id, limit_s=1)
        return bool(view["status"] == "confirmed")

    await eventually(is_confirmed_again, limit_s=15.0, every_s=0.5)
