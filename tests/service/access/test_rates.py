"""A caller who asks too often is told when to come again, and harms no other."""

from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from postbox.service import application, reply
from services.gateway.access import rates
from services.gateway.access.caller import Caller
from services.gateway.access.rates import Allowance, Limited, RateLimitHeaders, Rates
from tests.service.test_refused_intents import is_problem


@given(st.lists(st.floats(0, 5), max_size=200))
def test_no_more_than_the_burst_and_the_rate_whenever_they_come(pauses: list[float]) -> None:
    limit, now, let_in = Rates(per_s=2, burst=5), 100.0, list[float]()
    for pause in pauses:
        now += pause
        wait_s = limit.count("ada", now).wait_s
        if wait_s == 0:
            let_in.append(now)
        else:
            assert limit.count("ada", now + wait_s - 0.001).wait_s > 0
    for first, at in enumerate(let_in):
        within = [one for one in let_in[first:] if one - at <= 10]
        assert len(within) <= 5 + 2 * 10 + 1


def test_who_waits_as_long_as_told_is_let_in() -> None:
    limit = Rates(per_s=0.5, burst=1)
    assert limit.count("ada", 0.0) == Allowance(0.0, 0, 2.0)
    wait_s = limit.count("ada", 0.5).wait_s
    assert wait_s == pytest.approx(1.5)
    assert limit.count("bob", 0.5).wait_s == 0
    assert limit.count("ada", 0.5 + wait_s).wait_s == 0


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "CALLERS_MAX", 10)
    limit = Rates(per_s=0.001, burst=1)
    for number in range(1_000):
        assert limit.count(f"caller-{number}", 0.0).wait_s == 0
    assert limit.count("caller-999", 0.0).wait_s > 0
    assert limit.count("caller-0", 0.0).wait_s == 0


class _ByHeader:
    """Says who asks by a header that anybody may send."""

    asks_for_tokens = True

    async def caller(self, request: Request) -> Caller:
        return Caller(subject=request.headers.get("x-subject"), operates=False)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    access = Limited(_ByHeader(), Rates(per_s=0.01, burst=3))

    async def endpoint(request: Request) -> Response:
        await access.caller(request)
        return reply({})

    app = application([Route("/", endpoint)], middleware=[Middleware(RateLimitHeaders)])
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://gateway"
    ) as http:
        yield http


async def test_it_is_told_as_a_problem(http: httpx.AsyncClient) -> None:
    ada, bob = {"x-subject": "ada"}, {"x-subject": "bob"}
    for left in (2, 1, 0):
        answer = await http.get("/", headers=ada)
        assert answer.status_code == 200
        assert answer.headers["ratelimit-policy"] == '"caller";q=3;w=300'
        assert answer.headers["ratelimit"].startswith(f'"caller";r={left};t=')
    refused = await http.get("/", headers=ada)
    is_problem(refused, 429, None)
    assert 90 <= int(refused.headers["retry-after"]) <= 100
    assert refused.headers["ratelimit"].startswith('"caller";r=0;t=')
    assert (await http.get("/", headers=bob)).status_code == 200
    for expected in (200, 200, 200, 429):  # who has no subject, by the address
        assert (await http.get("/")).status_code == expected
