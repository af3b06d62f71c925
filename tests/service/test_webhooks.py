"""The provider's webhook: who did not sign is refused; what was signed is money, never lost."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.service.booking_system import BookingSystem, fresh
from tests.service.test_refused_intents import is_problem

MINUTES = timedelta(minutes=6)
HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


async def untimely(city: BookingSystem) -> float:
    return await city.counted("payment", "payment_alarms_total", kind="untimely")


class TestRefused:
    @pytest.fixture(autouse=True)
    async def nothing_is_written(self, city: BookingSystem) -> AsyncIterator[None]:
        before = await city.written()
        yield
        assert await city.written() == before

    @pytest.mark.parametrize("header", HEADERS)
    async def test_a_missing_header(self, city: BookingSystem, header: str) -> None:
        headers = city.signed(b"{}")
        del headers[header]
        is_problem(await city.webhook(b"{}", headers), 401, header)

    @pytest.mark.parametrize("signature", ["v1,", "v1", "garbage", "v1,AAAA", "v2,AAAA", ",,,"])
    async def test_a_wrong_signature(self, city: BookingSystem, signature: str) -> None:
        headers = {**city.signed(b"{}"), "webhook-signature": signature}
        is_problem(await city.webhook(b"{}", headers), 401, "webhook-signature")

    async def test_a_signature_of_another_body(self, city: BookingSystem) -> None:
        is_problem(await city.webhook(b"{ }", city.signed(b"{}")), 401, "webhook-signature")

    @pytest.mark.parametrize("off", [-MINUTES, MINUTES])
    async def test_a_stale_signature(self, city: BookingSystem, off: timedelta) -> None:
        """It is alarmed, for a clock is wrong; but not where anybody could have sent it."""
        alarms = await untimely(city)
        headers = city.signed(b"{}", at=datetime.now(UTC) + off)
        for other in (b"{ }", b"\xff"):
            is_problem(await city.webhook(other, headers), 401, "webhook-timestamp")
        assert await untimely(city) == alarms
        is_problem(await city.webhook(b"{}", headers), 401, "webhook-timestamp")
        assert await untimely(city) == alarms + 1

    @pytest.mark.parametrize("timestamp", ["yesterday", "inf", "nan", "1e400", "-1", "1.5"])
    async def test_a_timestamp_that_is_none(self, city: BookingSystem, timestamp: str) -> None:
        headers = {**city.signed(b"{}"), "webhook-timestamp": timestamp}
        assert (await city.webhook(b"{}", headers)).status_code == 401

    async def test_another_content_type(self, city: BookingSystem) -> None:
        headers = {**city.signed(b"{}"), "content-type": "text/plain"}
        is_problem(await city.webhook(b"{}", headers), 415, "Content-Type")

    async def test_a_body_over_64_kib(self, city: BookingSystem) -> None:
        is_problem(await city.webhook(b" " * (64 * 1024 + 1)), 413, None)

    async def test_another_method(self, city: BookingSystem) -> None:
        is_problem(await city.http.get(f"{city.payment}/payment/captured"), 405, None)


@pytest.mark.parametrize(
    "content",
    [
        b"not JSON",
        b"{}",
        b"[]",
        b'{"paymentId": "p1", "intentId": "i1", "userId": "ada", "amount": 1e30}',
        b'{"paymentId": "p1", "intentId": "i1", "userId": "ada", "amount": -5}',
        '{"paymentId": "p1", "intentId": "i1", "userId": "Grüße an alle", "amount": 5}'.encode(),
    ],
)
async def test_what_was_signed_and_cannot_be_read_is_kept_for_a_person(
    city: BookingSystem, content: bytes
) -> None:
    payments = await city.client["payment"]["payments"].count_documents({})
    for _ in range(2):  # the second time it is the same one
        answer = await city.webhook(content)
        assert (answer.status_code, answer.json()) == (202, {"status": "kept"})
    kept = [row async for row in city.client["payment"]["unreadable_charges"].find()]
    assert [row["by"] for row in kept if row["body"] == content] == ["webhook"]
    assert await city.client["payment"]["payments"].count_documents({}) == payments


async def test_one_charge_is_one_payment_however_often_it_is_reported(city: BookingSystem) -> None:
    charge = city.charge(fresh("unknown"))
    outcomes = [(await city.webhook(charge)).json()["status"] for _ in range(3)]
    assert outcomes == ["capture", "duplicate", "duplicate"]
    assert (await city.events("payment", charge["intentId"])).count("payment.captured") == 1


async def test_the_same_payment_with_other_data_changes_nothing_and_is_alarmed(
    city: BookingSystem,
) -> None:
    charge = city.charge(fresh("unknown"))
    assert (await city.webhook(charge)).status_code == 202
    answer = await city.webhook({**charge, "amount": charge["amount"] + 1})
    assert (answer.status_code, answer.json()) == (202, {"status": "alarm"})
    row = await city.client["payment"]["payments"].find_one({"_id": charge["paymentId"]})
    assert row is not None
    assert row["amount"] == charge["amount"]
    assert (await city.events("payment", charge["intentId"])).count("payment.captured") == 1
    assert await city.counted("payment", "payment_alarms_total", kind="contradiction") >= 1


async def test_a_repeated_message_with_another_payment_is_another_charge(
    city: BookingSystem,
) -> None:
    first = city.charge(fresh("unknown"))
    second = {**first, "paymentId": fresh("pay")}
    assert (await city.webhook(first)).json() == {"status": "capture"}
    assert (await city.webhook(second)).json() == {"status": "capture"}


async def test_a_web_hook_says_in_which_trace_it_was_taken(city: BookingSystem) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    content = city.charge(fresh("unknown"))
    answer = await city.webhook(
        {**content, "metadata": {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}}
    )
    assert answer.headers["traceresponse"]
    row = await city.client["payment"]["outbox"].find_one({"subject": content["intentId"]})
    assert row is not None
    assert trace in row["traceparent"]
