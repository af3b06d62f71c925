"""Whatever the provider answers: it was done, it was declined, or it is asked again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from structlog.testing import capture_logs

from contracts.events import BookingFailed
from contracts.money import Money
from contracts.values import Reason
from postbox.mongo import Client, Database, DatabaseClock, Document, ensure_collections
from postbox.outbox import Outbox
from services.payment import metrics
from services.payment.provider import port, worker
from services.payment.provider.jobs import Captures, Refunds
from services.payment.provider.port import HttpProvider, Unanswered, UnknownCharge
from services.payment.provider.worker import Worker
from services.payment.rules.core import Input
from services.payment.rules.inputs import (
    CaptureDeclined,
    CaptureSucceeded,
    ChargeKnown,
    RefundUnanswered,
)
from services.payment.rules.state import Capture, CaptureState, Charge, Known, Payment, Refund
from services.payment.work import Ledger
from stack.servers.ports import LOOPBACK
from tests.eventually import eventually

CAPTURE = Capture(
    capture_id="c1",
    intent_id="i1",
    user_id="ada",
    amount=100,
    currency="USD",
    payment_method="card",
    state=CaptureState.REQUESTED,
)


@asynccontextmanager
async def answering(body: bytes, *, every_s: float = 0.0) -> AsyncIterator[HttpProvider]:
    """A provider that says 201 and this to everything, a byte at a time where it is slow."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 201 Created\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode())
        for byte in body:
            writer.write(bytes([byte]))
            if every_s:
                await asyncio.sleep(every_s)
        writer.close()

    async with await asyncio.start_server(answer, LOOPBACK, 0) as server:
        port = server.sockets[0].getsockname()[1]
        asked = HttpProvider(f"http://{LOOPBACK}:{port}")
        try:
            yield asked
        finally:
            await asked.close()


@pytest.mark.parametrize("payment_id", ["", "ch_1=", "c" * 200, 7, None, {"a": 1}])
async def test_a_payment_id_that_cannot_be_is_no_answer(payment_id: object) -> None:
    async with answering(orjson.dumps({"paymentId": payment_id})) as asked:
        with pytest.raises(Unanswered, match="paymentId"):
            await asked.capture(CAPTURE, traceparent="")


@pytest.mark.parametrize(
    "page", [{}, [], {"charges": 1}, {"charges": [1], "refunds": [], "next": 0, "more": False}]
)
async def test_a_list_that_cannot_be_is_no_answer(page: object) -> None:
    async with answering(orjson.dumps(page)) as asked:
        with pytest.raises(Unanswered):
            await anext(asked.pages(0))


async def test_an_answer_that_trickles_in_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(port, "CALL_TIMEOUT_S", 0.3)
    async with answering(b'{"paymentId": "p1"}', every_s=0.1) as asked:
        with pytest.raises(Unanswered, match="TimeoutError"):
            await asked.capture(CAPTURE, traceparent="")


Answer = Callable[[Document, datetime], Awaitable[Input]]


class Asked(Captures):
    """Captures by a provider that answers as a test has it."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.rounds = 0

    async def ask(self, known: Known, row: Document, now: datetime) -> list[Input]:
        self.rounds += 1
        return [await self._answer(row, now)]


@asynccontextmanager
async def working(client: Client, ledger: Ledger, asked: Asked) -> AsyncIterator[Database]:
    """A worker with one capture that is due."""
    database, clock = client.get_default_database(), DatabaseClock(client)
    await clock.sync()
    await Worker.prepare(database)
    await database["captures"].insert_one({**CAPTURE.to_document(), "v": 0, "traceparent": None})
    stop = asyncio.Event()
    running = asyncio.create_task(Worker(asked, database, ledger, clock).run(stop))
    try:
        yield database
    finally:
        stop.set()
        await running


@pytest.fixture
async def ledger(client: Client) -> Ledger:
    database = client.get_default_database()
    outbox = Outbox(database, source="/test", clock=DatabaseClock(client))
    await outbox.prepare()
    names = ("payments", "refunds", "disputes", "captures", "closed_intents")
    await ensure_collections(database, *names)
    return Ledger(database, outbox)


async def test_an_answer_that_contradicts_an_earlier_one_is_alarmed(
    client: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: money is on record, and a person is told. Method: another worker, which was slower, has
    heard meanwhile that the capture is declined."""
    alarms: list[str] = []
    monkeypatch.setattr(metrics, "alarm", alarms.append)

    async def answer(row: Document, now: datetime) -> Input:
        await ledger.decide(CaptureDeclined(capture_id=row["_id"]))
        charge = Charge(payment_id="p1", intent_id="i1", user_id="ada", amount=100, currency="USD")
        return CaptureSucceeded(capture_id=row["_id"], charge=charge, at=now)

    with capture_logs() as lines:
        async with working(client, ledger, Asked(answer)) as database:

            async def is_on_record() -> bool:
                row = await database["payments"].find_one({"_id": "p1"})
                return row is not None and bool(alarms)

            await eventually(is_on_record)
    assert alarms == ["contradiction"]
    (line,) = (line for line in lines if line["log_level"] == "error")
    assert line["event"] == "the provider's answer contradicts what is known"


async def test_a_refund_is_asked_for_as_soon_as_it_is_committed(
    client: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: a worker that has looked, and would look again by itself in an hour."""
    monkeypatch.setattr(worker, "LOOK_EVERY_S", 3_600.0)
    looks = 0

    class Looked(Worker):
        async def _first(self) -> list[Document]:
            nonlocal looks
            looks += 1
            return await super()._first()

    async def has_looked() -> bool:
        return looks == 1

    async with answering(b"{}") as provider:
        database, clock = client.get_default_database(), DatabaseClock(client)
        await clock.sync()
        await Worker.prepare(database)
        refunds = Looked(Refunds(provider), database, ledger, clock)
        ledger.when_due(refunds.wake)
        stop = asyncio.Event()
        running = asyncio.create_task(refunds.run(stop))
        await eventually(has_looked)
        charge = Charge(payment_id="p1", intent_id="i1", user_id="ada", amount=100, currency="USD")
        await ledger.decide(ChargeKnown(charge=charge, at=clock.now()))
        await ledger.decide(
            BookingFailed(intent_id="i1", payment_id="p1", reason=Reason.PAYMENT_TIMEOUT)
        )

        async def was_asked_for() -> bool:
            row = await database["payments"].find_one({"_id": "p1"})
            return row is not None and row["attempts"] > 0

        await eventually(was_asked_for)
        stop.set()
        await running


async def test_a_job_that_fails_ends_no_other(
    client: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.payment.provider.jobs.CLAIM", timedelta(milliseconds=100))

    async def answer(row: Document, now: datetime) -> Input:
        if asked.rounds == 1:
            raise RuntimeError("a bug")
        return CaptureDeclined(capture_id=row["_id"])

    asked = Asked(answer)
    async with working(client, ledger, asked) as database:

        async def is_declined() -> bool:
            row = await database["captures"].find_one({"_id": "c1"})
            return row is not None and row["state"] == CaptureState.DECLINED

        await eventually(is_declined)


@pytest.mark.parametrize(
    ("attempts", "last_error", "alarms"),
    [
        (0, None, ["unknown_at_provider"]),
        (7, "TimeoutError", ["unknown_at_provider"]),
        (7, "404: no such charge", []),
    ],
)
async def test_a_charge_that_the_provider_does_not_know_is_alarmed_once(
    monkeypatch: pytest.MonkeyPatch, attempts: int, last_error: str | None, alarms: list[str]
) -> None:
    """Goal: a person is told when it is news, which may be after other errors."""
    seen: list[str] = []
    monkeypatch.setattr(metrics, "alarm", seen.append)

    class Forgetful(HttpProvider):
        async def refund(self, payment: Payment) -> Refund:
            raise UnknownCharge("404: no such charge")

    charge = Charge(payment_id="p1", intent_id="i1", user_id="ada", amount=100, currency="USD")
    payment = Payment(
        charge=charge, money=Money(captured=100), attempts=attempts, last_error=last_error
    )
    known = Known(payment=payment)
    answered = await Refunds(Forgetful("http://unused")).ask(known, {}, datetime.now(UTC))
    assert [type(one) for one in answered] == [RefundUnanswered]
    assert seen == alarms
