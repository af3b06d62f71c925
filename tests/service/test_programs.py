"""Each program ends when it is asked to, and says in one line why it cannot start."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import orjson
import pytest

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
    city: BookingSystem, tmp_path: Path
) -> None:
    info = city.stack.info

    def environment(name: str) -> dict[str, str]:
        return {
            **NOWHERE,
            "MONGO_URI": database(city, name),
            "RABBITMQ_URI": info.rabbitmq.uri,
            "RELAY_SOURCES": f"gateway={database(city, 'gateway')}",
            "PROVIDER_URL": info.provider.url,
            "PROVIDER_DB": str(tmp_path / "provider.db"),
        }

    await asyncio.gather(*(stopped(name, environment(name), path="/readyz") for name in MODULES))


async def test_those_that_reach_nothing_end_with_0_on_sigterm_too() -> None:
    names = ("gateway", "booking", "payment", "relay")
    await asyncio.gather(*(stopped(name, NOWHERE, path="/healthz") for name in names))


WRONG = (
    ("gateway", "MONGO_URI", ""),
    ("gateway", "MONGO_URI", "mongodb://127.0.0.1:1/"),
    ("gateway", "RABBITMQ_URI", "http://127.0.0.1:1/"),
    ("booking", "PAYMENT_TIMEOUT_S", "soon"),
    ("payment", "WEBHOOK_SECRET", "not base64!"),
    ("payment", "PROVIDER_URL", ""),
    ("relay", "RELAY_SOURCES", ""),
    ("provider", "PROVIDER_DB", ""),
)


async def test_a_program_that_is_configured_wrongly_names_the_variable() -> None:
    async def refuses(name: str, variable: str, value: str) -> None:
        code, errors = await ended(await start(name, free_port(), {**NOWHERE, variable: value}))
        assert code == 1, errors
        assert variable in errors.strip().splitlines()[-1]
        assert "Traceback" not in errors

    await asyncio.gather(*(refuses(*wrong) for wrong in WRONG))


async def test_a_port_that_is_taken_is_named(city: BookingSystem) -> None:
    port = httpx.URL(city.gateway).port
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
