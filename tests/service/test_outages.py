"""A server that is unavailable delays what was promised and loses none of it."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import aio_pika
import httpx
import pytest

from tests.eventually import eventually
from tests.service.booking_system import ALL, BookingSystem, fresh
from tests.service.test_refused_intents import is_problem

ANSWER_LIMIT_S = 8.0
READYZ_LIMIT_S = 10.0
Outage = Callable[[BookingSystem, str], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def held(system: BookingSystem, server: str) -> AsyncIterator[None]:
    await system.stack.hold(server)
    try:
        yield
    finally:
        await system.stack.release(server)


@asynccontextmanager
async def frozen(system: BookingSystem, server: str) -> AsyncIterator[None]:
    await system.stack.kill(server, signal.SIGSTOP)
    try:
        yield
    finally:
        await system.stack.kill(server, signal.SIGCONT)


async def tells(system: BookingSystem, part: str) -> None:
    """Each service says within seconds which part is wrong, and is alive all the same."""

    async def look() -> bool:
        for program in ("gateway", "booking", "payment"):
            checks = await system.readiness(program)
            assert checks[part] != "ok", f"{program}: {checks}"
        return True

    await eventually(look, limit_s=READYZ_LIMIT_S)
    for program in ("gateway", "booking", "payment", "relay"):
        url = getattr(system.stack.info, program).url
        assert (await system.http.get(f"{url}/healthz")).status_code == 200


@pytest.mark.fault(8, "mongod is killed, or frozen, and comes back")
@pytest.mark.parametrize("outage", [held, frozen])
async def test_while_the_database_is_away_requests_are_answered_503(
    system: BookingSystem, outage: Outage
) -> None:
    """Goal: nobody waits long for a 503 that says when to come again; nothing is half done.

    Method: the real mongod is killed and kept down, or stopped by SIGSTOP.
    """
    before, key = await system.booked(), fresh("key")

    async def refused(ask: Awaitable[httpx.Response]) -> None:
        async with asyncio.timeout(ANSWER_LIMIT_S):
            answer = await ask
        is_problem(answer, 503, None)
        assert int(answer.headers["retry-after"]) > 0

    async with outage(system, "mongo"):
        await asyncio.gather(
            refused(system.show(before)),
            refused(system.book(key)),
            refused(system.cancel(before)),
            refused(system.webhook(system.charge(before))),
            refused(system.webhook(b"unreadable")),
            tells(system, "database"),
        )
    await system.stack.ready("mongo", *ALL)
    assert (await system.show(before)).status_code == 200
    answer = await system.book(key)
    assert answer.status_code == 202
    await system.pay(answer.json()["intentId"])
    assert (await system.final(answer.json()["intentId"]))["status"] == "confirmed"


@pytest.mark.fault(10, "the broker is killed and comes back")
async def test_while_the_broker_is_away_intents_and_payments_are_accepted(
    system: BookingSystem,
) -> None:
    """Goal: no request is refused, by a gateway that started meanwhile either; no event is lost.

    Method: RabbitMQ is killed and kept down; the gateway is started anew without it.
    """
    async with held(system, "rabbitmq"):
        first = await system.booked()
        await system.pay(first)
        await tells(system, "broker")
        await system.stack.restart("gateway", wait=False)

        async def accepts() -> str:
            try:
                return await system.booked()
            except httpx.TransportError:
                return ""

        second = await eventually(accepts)
        assert (await system.readiness("gateway"))["broker"] != "ok"
        assert (await system.show(first)).json()["status"] == "pending"
        await system.pay(second)
    for intent_id in (first, second):
        assert (await system.final(intent_id))["status"] == "confirmed"
    await system.stack.ready(*ALL)


@pytest.mark.fault(12, "a binding is missing")
async def test_a_binding_that_is_missing_is_declared_again_by_a_service(
    system: BookingSystem,
) -> None:
    """Goal: within seconds events flow again. Method: unbind booking.events from one type."""
    async with await aio_pika.connect(system.stack.info.rabbitmq.uri) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue("booking.events")
        await queue.unbind("events", routing_key="booking.intent.created")

    async def is_confirmed_again() -> bool:
        intent_id = await system.booked()
        await system.pay(intent_id)
        view = await system.final(intent_id, limit_s=1)
        return bool(view["status"] == "confirmed")

    await eventually(is_confirmed_again, limit_s=15.0, every_s=0.5)
