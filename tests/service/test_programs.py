"""Each program ends when it is asked to, and says in one line why it cannot start."""

import asyncio
import os
import signal
import sys
from base64 import b64encode
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from postbox.errors import ConfigurationError
from postbox.service import load
from services.gateway.settings import Auth, GatewaySettings
from stack.servers.ports import free_port
from stack.supervision.process import ROOT
from tests.eventually import eventually
from tests.service.booking_system import BookingSystem

STOP_LIMIT_S = 30.0  # as many start and stop side by side
NOWHERE = {
    "MONGO_URI": "mongodb://127.0.0.1:1/nowhere",
    "RABBITMQ_URI": "amqp://guest:guest@127.0.0.1:1/",
    "RELAY_SOURCES": "shop=mongodb://127.0.0.1:1/nowhere",
    "PROVIDER_URL": "http://127.0.0.1:1",
    "WEBHOOK_SECRET": f"whsec_{b64encode(b'secretsecretsecret').decode()}",
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


# A program's start keeps a core busy: ten at once would all be late on a slow machine.
STARTS_AT_ONCE = 2


async def side_by_side(*checks: Coroutine[Any, Any, None]) -> None:
    places = asyncio.Semaphore(STARTS_AT_ONCE)

    async def in_turn(check: Coroutine[Any, Any, None]) -> None:
        async with places:
            await check

    await asyncio.gather(*map(in_turn, checks))


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
        process.send_signal(signal.SIGTERM)
        code, errors = await ended(process)
        assert code == 0, errors
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def database(system: BookingSystem, name: str) -> str:
    return system.stack.info.mongo.uri.replace("/?", f"/{name}?")


async def test_a_second_one_beside_the_first_ends_with_0_on_sigterm(
    shared_system: BookingSystem, tmp_path: Path
) -> None:
    info = shared_system.stack.info

    def environment(name: str) -> dict[str, str]:
        return {
            **NOWHERE,
            "MONGO_URI": database(shared_system, name),
            "RABBITMQ_URI": info.rabbitmq.uri,
            "RELAY_SOURCES": f"gateway={database(shared_system, 'gateway')}",
            "PROVIDER_URL": info.provider.url,
            "PROVIDER_DB": str(tmp_path / "provider.db"),
        }

    await side_by_side(*(stopped(name, environment(name), path="/readyz") for name in MODULES))


async def test_those_that_reach_nothing_end_with_0_on_sigterm_too() -> None:
    names = ("gateway", "booking", "payment", "relay")
    await side_by_side(*(stopped(name, NOWHERE, path="/healthz") for name in names))


WRONG = (
    ("gateway", "MONGO_URI", ""),
    ("gateway", "MONGO_URI", "mongodb://127.0.0.1:1/"),
    ("gateway", "RABBITMQ_URI", "http://127.0.0.1:1/"),
    ("gateway", "GATEWAY_AUTH", "basic"),
    ("gateway", "JWT_JWKS", "/nowhere/keys.json"),
    ("booking", "PAYMENT_TIMEOUT_S", "soon"),
    ("payment", "WEBHOOK_SECRET", "not base64!"),
    ("payment", "PROVIDER_URL", ""),
    ("relay", "RELAY_SOURCES", ""),
    ("provider", "PROVIDER_DB", ""),
)

OF_TOKENS = {
    "JWT_JWKS": {"GATEWAY_AUTH": "jwt", "JWT_ISSUER": "https://issuer", "JWT_AUDIENCE": "bookings"}
}


async def test_a_program_that_is_configured_wrongly_names_the_variable() -> None:
    async def refuses(name: str, variable: str, value: str) -> None:
        environment = {**NOWHERE, variable: value, **OF_TOKENS.get(variable, {})}
        code, errors = await ended(await start(name, free_port(), environment))
        assert code == 1, errors
        assert variable in errors.strip().splitlines()[-1]
        assert "Traceback" not in errors

    await side_by_side(*(refuses(*wrong) for wrong in WRONG))


def test_a_gateway_serves_its_own_machine_alone_where_nobody_says_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in NOWHERE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HTTP_HOST")
    assert load(GatewaySettings).http_host == "127.0.0.1"


@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({"HTTP_HOST": "0.0.0.0"}, "GATEWAY_AUTH"),
        ({"HTTP_HOST": "::"}, "GATEWAY_AUTH"),
        ({"HTTP_HOST": "10.0.0.1"}, "GATEWAY_AUTH_NONE_ANYWHERE"),
        ({"GATEWAY_AUTH": "jwt"}, "JWT_ISSUER"),
        ({"GATEWAY_AUTH": "jwt", "JWT_JWKS": "/x", "JWT_ISSUER": "i"}, "JWT_AUDIENCE"),
    ],
)
def test_a_gateway_that_others_reach_asks_who_they_are(
    environment: dict[str, str], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**NOWHERE, **environment}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=variable):
        load(GatewaySettings)
    monkeypatch.setenv("GATEWAY_AUTH", "none")
    monkeypatch.setenv("GATEWAY_AUTH_NONE_ANYWHERE", "true")
    assert load(GatewaySettings).gateway_auth is Auth.NONE


async def test_a_port_that_is_taken_is_named(shared_system: BookingSystem) -> None:
    port = httpx.URL(shared_system.gateway).port
    assert port is not None
    code, errors = await ended(await start("gateway", port, NOWHERE))
    assert code == 1, errors
    assert str(port) in errors.strip().splitlines()[-1]
    assert "Traceback" not in errors


async def test_port_0_is_any_free_port_which_the_log_names() -> None:
    process = await start("gateway", 0, NOWHERE)
    try:
        assert process.stderr is not None
        while b'"event": "listening"' not in (line := await process.stderr.readline()):
            assert line, "the program ended without listening"
        port = orjson.loads(line)["port"]
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.get(f"http://127.0.0.1:{port}/healthz")
        assert answer.status_code == 200
    finally:
        process.terminate()
        await process.wait()


HANGS = """
import asyncio, postbox.service.program as program
program.SHUTDOWN_TIMEOUT_S = 0.2

async def wait_for_what_never_comes():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass

async def main(stop):
    print("up", flush=True)
    await wait_for_what_never_comes()

program.run("stubborn", main)
"""


async def test_a_program_that_cannot_stop_shows_what_it_waits_for() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HANGS),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"up\n"
    process.terminate()
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert b"could not stop in time" in errors
    assert b"wait_for_what_never_comes" in errors
