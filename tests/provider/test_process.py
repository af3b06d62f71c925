"""The process starts with one clear line where it cannot, and ends when it is asked to."""

import signal
import time

import pytest

from tests.provider.simulator import Simulator, launch


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_it_exits_0_quickly(own_simulator: Simulator, how: signal.Signals) -> None:
    assert (await own_simulator.client.get("/healthz")).json() == {"status": "alive"}
    started = time.monotonic()
    assert own_simulator.stop(how) == 0
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROVIDER_PORT", None),
        ("PROVIDER_DB", None),
        ("WEBHOOK_URL", None),
        ("WEBHOOK_SECRET", None),
        ("PROVIDER_PORT", "70000"),
        ("PROVIDER_DB", "/nowhere/provider.db"),
        ("PROVIDER_DB", "/"),
        ("WEBHOOK_URL", "payment:3002"),
        ("WEBHOOK_SECRET", "whsec_!"),
    ],
)
async def test_a_setting_that_will_not_do(
    simulator: Simulator, name: str, value: str | None
) -> None:
    environment = {key: text for key, text in simulator.environment.items() if key != name}
    assert_one_line(environment | ({} if value is None else {name: value}), name)


async def test_a_ledger_in_use(simulator: Simulator) -> None:
    assert_one_line(simulator.environment, "PROVIDER_DB")


def assert_one_line(environment: dict[str, str], named: str) -> None:
    process = launch(environment)
    _, error = process.communicate(timeout=10)
    assert process.returncode == 1
    assert error.count(b"\n") == 1
    assert named in error.decode()


def test_help_names_the_environment() -> None:
    process = launch({}, "--help")
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert b"WEBHOOK_SECRET" in output
