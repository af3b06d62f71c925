"""The provider's webhook: who did not sign is refused; what was signed is money, never lost."""

from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from postbox.errors import ConfigurationError
from postbox.service import Problem, load
from services.payment.settings import PaymentSettings
from services.payment.webhook.signature import Signatures
from tests.service.booking_system import BookingSystem, fresh
from tests.service.test_programs import NOWHERE
from tests.service.test_refused_intents import is_problem

MINUTES = timedelta(minutes=6)
HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


async def untimely(shared_system: BookingSystem) -> float:
    return await shared_system.counted("payment", "payment_alarms_total", kind="untimely")


class TestRefused:
    @pytest.fixture(autouse=True)
    async def nothing_is_written(self, shared_system: BookingSystem) -> AsyncIterator[None]:
        before = await shared_system.written()
        yield
        assert await shared_system.written() == before

    @pytest.mark.parametrize("header", HEADERS)
    async def test_a_missing_header(self, shared_system: BookingSystem, header: str) -> None:
        headers = shared_system.signed(b"{}")
        del headers[header]
        is_problem(await shared_system.webhook(b"{}", headers), 401, header)

    @pytest.mark.parametrize("signature", ["v1,", "v1", "garbage", "v1,AAAA", "v2,AAAA", ",,,"])
    async def test_a_wrong_signature(self, shared_system: BookingSystem, signature: str) -> None:
        headers = {**shared_system.signed(b"{}"), "webhook-signature": signature}
        is_problem(await shared_system.webhook(b"{}", headers), 401, "webhook-signature")

    async def test_a_signature_of_another_body(self, shared_system: BookingSystem) -> None:
        is_problem(
            await shared_system.webhook(b"{ }", shared_system.signed(b"{}")),
            401,
            "webhook-signature",
        )

    @pytest.mark.parametrize("off", [-MINUTES, MINUTES])
    async def test_a_stale_signature(self, shared_system: BookingSystem, off: timedelta) -> None:
        """It is alarmed, for a clock is wrong; but not where anybody could have sent it."""
        alarms = await untimely(shared_system)
        headers = shared_system.signed(b"{}", at=datetime.now(UTC) + off)
        for other in (b"{ }", b"\xff"):
            is_problem(await shared_system.webhook(other, headers), 401, "webhook-timestamp")
        assert await untimely(shared_system) == alarms
        is_problem(await shared_system.webhook(b"{}", headers), 401, "webhook-timestamp")
        assert await untimely(shared_system) == alarms + 1

    @pytest.mark.parametrize("timestamp", ["yesterday", "inf", "nan", "1e400", "-1", "1.5"])
    async def test_a_timestamp_that_is_none(
        self, shared_system: BookingSystem, timestamp: str
    ) -> None:
        headers = {**shared_system.signed(b"{}"), "webhook-timestamp": timestamp}
        assert (await shared_system.webhook(b"{}", headers)).status_code == 401

    async def test_another_content_type(self, shared_system: BookingSystem) -> None:
        headers = {**shared_system.signed(b"{}"), "content-type": "text/plain"}
        is_problem(await shared_system.webhook(b"{}", headers), 415, "Content-Type")

    async def test_a_body_over_64_kib(self, shared_system: BookingSystem) -> None:
        is_problem(await shared_system.webhook(b" " * (64 * 1024 + 1)), 413, None)

    async def test_another_method(self, shared_system: BookingSystem) -> None:
        is_problem(
            await shared_system.http.get(f"{shared_system.payment}/payment/captured"), 405, None
        )


@pytest.mark.parametrize(
    "content",
    [
        b"not JSON",
        b"{}",
        b"[]",
        b'{"paymentId": "p1", "intentId": "i1", "userId": "ada", "amount": 1e30}',
        b'{"paymentId": "p1", "intentId": "i1", "userId": "ada", "amount": -5}',
        '{"paymentId": "p1", "intentId": "i1", "userId": "Grüße an alle ", "amount": 5}'.encode(),
    ],
)
async def test_what_was_signed_and_cannot_be_read_is_kept_for_a_person(
    shared_system: BookingSystem, content: bytes
) -> None:
    payments = await shared_system.client["payment"]["payments"].count_documents({})
    for _ in range(2):  # the second time it is the same one
        answer = await shared_system.webhook(content)
        assert (answer.status_code, answer.json()) == (202, {"status": "kept"})
    kept = [row async for row in shared_system.client["payment"]["unreadable_charges"].find()]
    assert [row["by"] for row in kept if row["body"] == content] == ["webhook"]
    assert await shared_system.client["payment"]["payments"].count_documents({}) == payments


def _webhooks(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Signatures:
    environment = {**NOWHERE, "WEBHOOK_SECRET": "", **variables}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Signatures(load(PaymentSettings).webhooks)


class TestRotation:
    """One secret replaces another, and no webhook is refused meanwhile."""

    OLD, NEW, OTHER = ("whsec_" + b64encode(bytes([n]) * 24).decode() for n in (1, 2, 3))

    def signed(self, secret: str, body: str = "{}") -> dict[str, str]:
        now = datetime.now(UTC)
        return {
            "webhook-id": "m1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign("m1", now, body),
        }

    @pytest.mark.parametrize(
        "variables",
        [
            {"WEBHOOK_SECRETS": f"{OLD}, {NEW}"},
            {"WEBHOOK_SECRETS": NEW, "WEBHOOK_SECRET": OLD},
            {"WEBHOOK_SECRETS": f"{NEW},{OLD}", "WEBHOOK_SECRET": OLD},
        ],
    )
    def test_each_of_the_secrets_lets_in(
        self, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        signatures = _webhooks(monkeypatch, **variables)
        for secret in (self.OLD, self.NEW):
            signatures.verify(self.signed(secret), b"{}")
            assert signatures.hold(self.signed(secret), b"{}")
        both = self.signed(self.OTHER)
        both["webhook-signature"] += " " + self.signed(self.NEW)["webhook-signature"]
        signatures.verify(both, b"{}")
        with pytest.raises(Problem):
            signatures.verify(self.signed(self.OTHER), b"{}")
        assert not signatures.hold(self.signed(self.OTHER), b"{}")
        assert not signatures.hold(self.signed(self.NEW), b"{ }")
        assert not signatures.hold({}, b"{}")

    def test_a_secret_that_was_replaced_lets_nothing_in(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        signatures = _webhooks(monkeypatch, WEBHOOK_SECRETS=self.NEW)
        with pytest.raises(Problem):
            signatures.verify(self.signed(self.OLD), b"{}")

    @pytest.mark.parametrize("value", ["", ",", f"{OLD},", f"{OLD},not base64!"])
    def test_what_is_no_secret_is_told_at_the_start(
        self, value: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(ConfigurationError, match="WEBHOOK_SECRETS"):
            _webhooks(monkeypatch, WEBHOOK_SECRETS=value)


async def test_nothing_of_a_body_is_read_before_its_signature_holds(
    shared_system: BookingSystem,
) -> None:
    """Not even the trace that it claims to belong to."""
    trace = "1af7651916cd43dd8448eb211c80319d"
    body = b'{"metadata": {"traceparent": "00-%b-b7ad6b7169203331-01"}}' % trace.encode()
    headers = {**shared_system.signed(body), "webhook-signature": "v1,AAAA"}
    refused = await shared_system.webhook(body, headers)
    assert refused.status_code == 401
    assert trace not in refused.headers["traceresponse"]
    assert trace in (await shared_system.webhook(body)).headers["traceresponse"]


async def test_one_charge_is_one_payment_however_often_it_is_reported(
    shared_system: BookingSystem,
) -> None:
    charge = shared_system.charge(fresh("unknown"))
    outcomes = [(await shared_system.webhook(charge)).json()["status"] for _ in range(3)]
    assert outcomes == ["capture", "duplicate", "duplicate"]
    assert (await shared_system.events("payment", charge["intentId"])).count(
        "payment.captured"
    ) == 1


async def test_the_same_payment_with_other_data_changes_nothing_and_is_alarmed(
    shared_system: BookingSystem,
) -> None:
    charge = shared_system.charge(fresh("unknown"))
    assert (await shared_system.webhook(charge)).status_code == 202
    answer = await shared_system.webhook({**charge, "amount": charge["amount"] + 1})
    assert (answer.status_code, answer.json()) == (202, {"status": "alarm"})
    row = await shared_system.client["payment"]["payments"].find_one({"_id": charge["paymentId"]})
    assert row is not None
    assert row["amount"] == charge["amount"]
    assert (await shared_system.events("payment", charge["intentId"])).count(
        "payment.captured"
    ) == 1
    assert await shared_system.counted("payment", "payment_alarms_total", kind="contradiction") >= 1


async def test_a_repeated_message_with_another_payment_is_another_charge(
    shared_system: BookingSystem,
) -> None:
    first = shared_system.charge(fresh("unknown"))
    second = {**first, "paymentId": fresh("pay")}
    assert (await shared_system.webhook(first)).json() == {"status": "capture"}
    assert (await shared_system.webhook(second)).json() == {"status": "capture"}


async def test_a_web_hook_says_in_which_trace_it_was_taken(shared_system: BookingSystem) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    content = shared_system.charge(fresh("unknown"))
    answer = await shared_system.webhook(
        {**content, "metadata": {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}}
    )
    assert answer.headers["traceresponse"]
    row = await shared_system.client["payment"]["outbox"].find_one({"subject": content["intentId"]})
    assert row is not None
    assert trace in row["traceparent"]
