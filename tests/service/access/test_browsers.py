"""Browsers let in the pages of listed origins alone, and run and frame nothing of ours."""

import httpx
import pytest

from postbox.errors import ConfigurationError
from postbox.service import load
from services.gateway.settings import GatewaySettings
from tests.service.booking_system import BookingSystem
from tests.service.guarded import ORIGIN, Guarded
from tests.service.test_programs import NOWHERE
from tests.service.test_refused_intents import is_problem

PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
}


async def preflight(door: Guarded, origin: str) -> httpx.Response:
    return await door.send("OPTIONS", "/booking/intent", {"Origin": origin, **PREFLIGHT})


async def test_a_listed_origin_may_call(door: Guarded) -> None:
    answer = await preflight(door, ORIGIN)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    token = door.issuer.token()
    for path, status in (("/booking/nobody-s", 404), ("/bookings", 200)):
        headers = {"Origin": ORIGIN, "Authorization": f"Bearer {token}"}
        answer = await door.send("GET", path, headers)
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin", [f"{ORIGIN}.evil.example", ORIGIN.replace("https", "http"), f"{ORIGIN}:8443", "null"]
)
async def test_another_origin_may_not(door: Guarded, origin: str) -> None:
    shown = await door.send("GET", "/docs", {"Origin": origin})
    for answer in (await preflight(door, origin), shown):
        assert "access-control-allow-origin" not in answer.headers


async def test_no_origin_may_where_none_is_listed(shared_system: BookingSystem) -> None:
    headers = {"Origin": ORIGIN, **PREFLIGHT}
    answer = await shared_system.http.options(
        f"{shared_system.gateway}/booking/intent", headers=headers
    )
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"Origin": ORIGIN}, "Origin"),
        ({"Origin": "null"}, "Origin"),
        ({"Origin": "http://127.0.0.1:1"}, "Origin"),
        ({"Host": "rebound.example"}, "Host"),
        ({"Host": "127.0.0.1.example:3000", "Origin": "http://127.0.0.1.example:3000"}, "Host"),
    ],
)
async def test_without_tokens_no_other_page_may_do_anything(
    shared_system: BookingSystem, headers: dict[str, str], field: str
) -> None:
    """A form of another page needs no preflight; a name of its own may come to lead here."""
    intent_id = await shared_system.booked()
    before = await shared_system.written()
    for method, path in (("POST", f"/booking/{intent_id}/cancel"), ("GET", "/bookings")):
        answer = await shared_system.http.request(
            method, shared_system.gateway + path, headers=headers
        )
        is_problem(answer, 403, field)
    assert await shared_system.written() == before
    for own in ({"Origin": shared_system.gateway}, {"Host": "localhost"}, {"Host": "[::1]:3000"}):
        answer = await shared_system.http.get(
            f"{shared_system.gateway}/booking/{intent_id}", headers=own
        )
        assert answer.status_code == 200


async def test_every_answer_tells_browsers_to_run_and_frame_nothing(door: Guarded) -> None:
    for path in ("/docs", "/openapi.json", "/healthz", "/nowhere", "/booking/x"):
        headers = (await door.send("GET", path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("value", ["*", "shop.example", f"{ORIGIN}/", f"{ORIGIN}, *", "null"])
def test_what_is_no_origin_is_told_at_the_start(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, given in {**NOWHERE, "GATEWAY_CORS_ORIGINS": value}.items():
        monkeypatch.setenv(name, given)
    with pytest.raises(ConfigurationError, match="GATEWAY_CORS_ORIGINS"):
        load(GatewaySettings)
