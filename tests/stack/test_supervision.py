"""The supervisor keeps programs alive, and does what it is asked to from outside."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from stack.embedded import Stack
from stack.errors import AlreadyRunning, NotReady, NotRunning, StackError
from stack.running import RunningStack
from tests.stack import processes
from tests.stack.fake_programs import COMMANDS


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningStack]:
    """The handle is the one that another process would have."""
    directory = tmp_path_factory.mktemp("stack")
    environment = {"PAYMENT_TIMEOUT_S": "3"}
    with pytest.MonkeyPatch.context() as shell:
        shell.setenv("CRASH_AT", "everywhere:1")
        shell.setenv("LOG_LEVEL", "debug")
        programs = ("provider", "gateway", "booking", "payment")
        async with Stack(directory, env=environment, programs=programs, commands=COMMANDS):
            yield RunningStack(directory)
    await processes.none_left(directory)


async def environment_of(stack: RunningStack, name: str) -> dict[str, str]:
    async with httpx.AsyncClient(trust_env=False) as client:
        url = getattr(stack.info, name).url
        environment: dict[str, str] = (await client.get(f"{url}/environment")).json()
        return environment


async def test_what_holds_a_secret_is_for_its_owner_alone(stack: RunningStack) -> None:
    secret = stack.info.payment.webhook_secret.encode()
    directory = stack.layout.directory
    holders = [
        path
        for path in directory.rglob("*")
        if path.is_file() and os.access(path, os.R_OK) and secret in path.read_bytes()
    ]
    assert stack.layout.info in holders
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in holders} == {
        path.name: "0o600" for path in holders
    }


async def test_programs_get_their_own_environment(stack: RunningStack) -> None:
    gateway = await environment_of(stack, "gateway")
    payment = await environment_of(stack, "payment")
    assert "/gateway?" in gateway["MONGO_URI"]
    assert gateway["RABBITMQ_URI"] == stack.info.rabbitmq.uri
    assert gateway["HTTP_HOST"] == "127.0.0.1"
    assert gateway["LOG_LEVEL"] == "debug"
    assert payment["PAYMENT_TIMEOUT_S"] == "3"
    assert payment["RECONCILE_INTERVAL_S"] == "5"
    assert payment["PROVIDER_URL"] == stack.info.provider.url
    assert payment["WEBHOOK_SECRET"] == stack.info.payment.webhook_secret
    assert "CRASH_AT" not in gateway


@pytest.mark.parametrize("name", ["booking", "provider", "mongo", "rabbitmq"])
async def test_a_killed_program_comes_back_at_the_same_address(
    stack: RunningStack, name: str
) -> None:
    before = stack.info
    await stack.kill(name)
    await stack.ready(name)
    after = stack.info
    assert after.pid(name) not in (None, before.pid(name))
    assert processes.is_alive(after.pid(name))
    same = {"pid": None}
    assert after.part(name).model_copy(update=same) == before.part(name).model_copy(update=same)


async def test_a_held_program_stays_down_until_released(stack: RunningStack) -> None:
    await stack.hold("booking")
    assert stack.info.pid("booking") is None
    assert await stack.lacks("booking") == "it does not run"
    with pytest.raises(StackError, match="booking is not ready"):
        await stack.ready("booking")
    await stack.release("booking")
    assert processes.is_alive(stack.info.pid("booking"))
    assert await stack.lacks("booking") is None


async def test_a_crash_point_is_armed_for_one_run_alone(stack: RunningStack) -> None:
    await stack.restart("gateway", {"CRASH_AT": "after_commit:1"})
    assert (await environment_of(stack, "gateway"))["CRASH_AT"] == "after_commit:1"
    await stack.kill("gateway")
    await stack.ready("gateway")
    assert "CRASH_AT" not in await environment_of(stack, "gateway")


async def test_a_frozen_program_can_be_ended(stack: RunningStack) -> None:
    before = stack.info.payment.pid
    await stack.kill("payment", signal.SIGSTOP)
    assert stack.info.payment.pid == before
    await stack.kill("payment")
    await stack.ready("payment")
    assert stack.info.payment.pid != before


async def test_a_program_left_out_starts_when_it_is_released(stack: RunningStack) -> None:
    assert stack.info.pid("relay") is None
    await stack.release("relay")
    assert processes.is_alive(stack.info.pid("relay"))
    await stack.hold("relay")


async def test_a_second_stack_is_refused_and_harms_nothing(stack: RunningStack) -> None:
    before = stack.info
    with pytest.raises(AlreadyRunning):
        async with Stack(stack.layout.directory, commands=COMMANDS):
            pass
    assert stack.info == before


async def test_an_unknown_program_is_named(stack: RunningStack) -> None:
    with pytest.raises(StackError, match="no program 'bookings'"):
        await stack.kill("bookings")


async def test_no_stack_is_not_running(tmp_path: Path) -> None:
    stack = RunningStack(tmp_path)
    with pytest.raises(NotRunning):
        _ = stack.info
    with pytest.raises(NotRunning):
        await stack.kill("booking")


async def test_a_program_that_cannot_start_is_shown_with_its_log(tmp_path: Path) -> None:
    broken = {**COMMANDS, "relay": ("/bin/sh", "-c", "echo RELAY_SOURCES is wrong; exit 1")}
    with pytest.raises(NotReady, match=r"(?s)relay is not ready.*RELAY_SOURCES is wrong"):
        async with Stack(tmp_path, commands=broken):
            pass
    await processes.none_left(tmp_path)
