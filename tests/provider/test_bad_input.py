"""Whatever is sent wrongly gets a 4xx problem that names the field, and changes nothing."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.provider.simulator import Simulator, card, order


def assert_problem(response: httpx.Response, status: int, *named: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem.keys() >= {"type", "title", "detail"}
    for name in named:
        assert name in problem["detail"]


BAD_VALUES: dict[str, list[Any]] = {
    "amount": [0, -1, 1.0, 1.5, "1", True, None, 2**53, 10**30],
    "currency": ["eur", "EURO", "", "EUR\n", 978, None],
    "intentId": ["", "x" * 201, 7, None],
    "userId": [None],
    "paymentId": [""],
    "metadata": ["t", [], {"a": {}}, {str(number): number for number in range(51)}],
    "webhook": [1, {"delayMs": -1}, {"repeat": 101}, {"drop": "no"}],
}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in BAD_VALUES.items() for value in values]
)
async def test_a_charge_with_a_bad_field(simulator: Simulator, field: str, value: Any) -> None:
    body = order()
    response = await simulator.client.post("/charges", json=body | {field: value})
    assert_problem(response, 422, field)
    assert await simulator.charges_of(body["intentId"]) == []


@pytest.mark.parametrize("path", ["/charges", "/captures", "/refunds"])
@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff", 400),
        (b'{"amount": NaN}', 400),
        (b"[" * 5_000, 400),
        (b"[]", 422),
        (b"null", 422),
        (b'"' + b"x" * 65_536 + b'"', 413),
    ],
)
async def test_a_bad_body(simulator: Simulator, path: str, content: bytes, status: int) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    assert_problem(await simulator.client.post(path, content=content, headers=headers), status)


@pytest.mark.parametrize("path", ["/captures", "/refunds"])
@pytest.mark.parametrize("key", [None, "", "k" * 256])
async def test_a_bad_idempotency_key(simulator: Simulator, path: str, key: str | None) -> None:
    headers = {} if key is None else {"Idempotency-Key": key}
    body = card() | {"paymentId": "p"}
    response = await simulator.client.post(path, json=body, headers=headers)
    assert_problem(response, 400, "Idempotency-Key")


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("after=x", "after"),
        ("after=-1", "after"),
        (f"after={2**63}", "after"),
        ("limit=5", "after"),
        ("after=0&limit=0", "limit"),
        ("after=0&limit=1001", "limit"),
    ],
)
async def test_a_bad_cursor(simulator: Simulator, query: str, named: str) -> None:
    assert_problem(await simulator.client.get(f"/ledger?{query}"), 422, named)


@pytest.mark.parametrize(
    ("plan", "named"),
    [
        ({"captures": {"failTimes": -1}}, "captures.failTimes"),
        ({"captures": {"failTimes": 1.5}}, "captures.failTimes"),
        ({"captures": {"fialTimes": 1}}, "captures.fialTimes"),
        ({"captures": {"failTimes": 1, "paymentId": "p"}}, "captures.paymentId"),
        ({"refunds": {"decline": True}}, "refunds.decline"),
        ({"payouts": {}}, "payouts"),
    ],
)
async def test_a_bad_fault(simulator: Simulator, plan: dict[str, Any], named: str) -> None:
    assert_problem(await simulator.client.put("/faults", json=plan), 422, named)


async def test_too_many_faults(own_simulator: Simulator) -> None:
    for number in range(100):
        await own_simulator.arm(refunds={"failTimes": 1, "paymentId": f"p{number}"})
    plan = {"refunds": {"failTimes": 1, "paymentId": "one more"}}
    assert_problem(await own_simulator.client.put("/faults", json=plan), 422, "refunds")


async def test_unknown_paths_and_methods(simulator: Simulator) -> None:
    assert_problem(await simulator.client.get("/nothing"), 404)
    response = await simulator.client.get("/charges")
    assert_problem(response, 405)
    assert response.headers["allow"] == "POST"
