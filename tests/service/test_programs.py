"""Each program ends when it is asked to, and says in one line why it cannot start."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from time import monotonic

import httpx
import pytest

from stack.ports import free_port
from stack.process import ROOT
from tests.eventually import eventually
from tests.service.town import Town

STOP_LIMIT_S = 5.0
NOWHERE = {
    "MONGO_URI": "mongodb://127.0.0.1:1/nowhere",
    "RABBITMQ_URI": "amqp://guest:guest@127.0.0.1:1/",
    "RELAY_SOURCES": "shop=mongodb://127.0.0.1:1/nowhere",
    "PROVIDER_URL": "http://127.0.0.1:1",
    "WEBHOOK_SECRET": "whsec_c2VjcmV0c2VjcmV0c2VjcmV0",
    "WEBHOOK_URL": "http://127.0.0.1:1",
    "HTTP_HOST": "127.0.0.1",
}
MODULES = {
    "gateway": "services.gateway",
    "booking": "services.booking",
    "payment": "services.payment",
    "relay": "relay",
    "provider": "stack.provider",
}


async def start(name: str, port: int, environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", MODULES[name]),
        cwd=ROOT,
        env={**os.environ, **environment, f"{name.upper()}_PORT": str(port)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    """The exit code and what it said on stderr; killed where it does not end."""
    try:
        _, errors = await asyncio.wait_for(process.communicate(), STOP_LIMIT_S)
    except TimeoutError:
        process.kill()
        _, errors = await process.communicate()
        pytest.fail(f"it did not end within {STOP_LIMIT_S} s:\n{errors.decode()}")
    return process.returncode, errors.decode()


async def stopped(name: str, environment: Mapping[str, str], *, path: str) -> None:
    """Starts it, waits until it answers `path`, and asks it to stop."""
    port = free_port()
    process = await start(name, port, environment)
    try:
        async with httpx.AsyncClient(trust_env=False) as http:

            async def answers() -> bool:
                try:
                    answer = await http.get(f"http://127.0.0.1:{port}{path}")
                except httpx.TransportError:
                    return False
                return answer.status_code == 200

            await eventually(answers, every_s=0.1)
        began = monotonic()
        process.send_signal(signal.SIGTERM)
        code, errors = await ended(process)
        assert code == 0, errors
        assert monotonic() - began < STOP_LIMIT_S
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def database(town: Town, name: str) -> str:
    return town.stack.info.mongo.uri.replace("/?", f"/{name}?")


@pytest.mark.parametrize("name", MODULES)
async def test_a_second_one_beside_the_first_ends_with_0_on_sigterm(
    city: Town, name: str, tmp_path: Path
) -> None:
    info = city.stack.info
    environment = {
        **NOWHERE,
        "MONGO_URI": database(city, name),
        "RABBITMQ_URI": info.rabbitmq.uri,
        "RELAY_SOURCES": f"gateway={database(city, 'gateway')}",
        "PROVIDER_URL": info.provider.url,
        "PROVIDER_DB": str(tmp_path / "provider.db"),
    }
    await stopped(name, environment, path="/readyz")


@pytest.mark.parametrize("name", ["gateway", "booking", "payment", "relay"])
async def test_one_that_reaches_nothing_ends_with_0_on_sigterm_too(name: str) -> None:
    await stopped(name, NOWHERE, path="/healthz")


@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        ("gateway", "MONGO_URI", ""),
        ("gateway", "MONGO_URI", "mongodb://127.0.0.1:1/"),
        ("gateway", "RABBITMQ_URI", "http://127.0.0.1:1/"),
        ("booking", "PAYMENT_TIMEOUT_S", "soon"),
        ("payment", "WEBHOOK_SECRET", "not base64!"),
        ("payment", "PROVIDER_URL", ""),
        ("relay", "RELAY_SOURCES", ""),
        ("provider", "PROVIDER_DB", ""),
    ],
)
async def test_a_program_that_is_configured_wrongly_names_the_variable(
    name: str, variable: str, value: str
) -> None:
    process = await start(name, free_port(), {**NOWHERE, variable: value})
    code, errors = await ended(process)
    assert code == 1, errors
    last = errors.strip().splitlines()[-1]
    assert variable in last
    assert "Traceback" not in errors


async def test_a_port_that_is_taken_is_named(city: Town) -> None:
    port = httpx.URL(city.gateway).port
    assert port is not None
    code, errors = await ended(await start("gateway", port, NOWHERE))
    assert code == 1, errors
    assert str(port) in errors.strip().splitlines()[-1]
    assert "Traceback" not in errors
