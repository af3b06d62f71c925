"""A night shift: each of six troubles is seen within five seconds, mended, and gone again.

On servers of its own, which it freezes, with the users that deploy/setup gives to each program: the
console's rights are enough. A relay that died and a consumer that does not run are started outside,
as the console says; all else is done in the console, and is in its audit.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aio_pika
import httpx
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from contracts.topology import EXCHANGE
from deploy.setup import mongo, rabbitmq
from deploy.setup.passwords import ADMINISTRATOR, CONSOLE, RELAY, SERVICES
from postbox.console.settings import ConsoleSettings
from postbox.embedded import Process, Program, until_ready
from postbox.mongo import DatabaseClock, connect, own_database
from postbox.outbox import Outbox
from postbox.rabbitmq import Topology
from stack.servers.mongod import Mongod
from stack.servers.ports import LOOPBACK, free_port
from stack.servers.rabbitmq import RabbitMQ
from stack.supervision import ready
from tests.cli.harness import TYPE, CliHarness
from tests.conftest import Space
from tests.console.harness import Browser, console, settings
from tests.console.test_set_aside import act
from tests.eventually import eventually

SEEN_WITHIN_S: Final = 5.0
DATABASE: Final = "booking"
CONSUMER: Final = "night"
PASSWORD: Final = "secret"
MOST: Final = 3
"""The queue takes no more."""


@dataclass(frozen=True, kw_only=True)
class Night:
    """One outbox, one relay, one queue with a consumer, and the console over them."""

    mongod: Mongod
    rabbitmq: RabbitMQ
    harness: CliHarness
    relay: Process
    browser: Browser
    channel: AbstractChannel

    @property
    def queue(self) -> str:
        return self.harness.queue

    async def kinds(self) -> dict[str, str]:
        troubles = (await self.browser.json("/"))["troubles"]
        return {one["kind"]: one["what"] for one in troubles}

    async def sees(self, *kinds: str) -> None:
        """The overview has all of `kinds` within five seconds from now, with what to do."""
        began = time.monotonic()

        async def look() -> bool:
            assert set(kinds) <= set(await self.kinds())
            return True

        await eventually(look)
        assert time.monotonic() - began < SEEN_WITHIN_S
        page, manual = await self.browser.html("/"), await self.browser.html("/help")
        for kind in kinds:
            assert f'href="/help#{kind}"' in page
            assert f'id="{kind}"' in manual

    async def is_well(self) -> None:
        async def look() -> bool:
            assert await self.kinds() == {}
            return True

        await eventually(look)

    async def start_relay(self) -> None:
        await self.relay.start()
        await until_ready(self.relay, hopeless=lambda: self.relay.pid is None)

    async def consume(self) -> None:
        queue = await self.channel.get_queue(self.queue, ensure=False)
        await queue.consume(_takes, consumer_tag=CONSUMER)


class BookingSpace(Space):
    """With the names of the booking system, of which the users' rights are."""

    @property
    def exchange(self) -> str:
        return EXCHANGE

    @property
    def queue(self) -> str:
        return f"{DATABASE}.events"


@pytest.fixture
async def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Night]:
    for user in (ADMINISTRATOR, *SERVICES, RELAY, CONSOLE):
        monkeypatch.setenv(f"{user.upper().replace('-', '_')}_PASSWORD", PASSWORD)
    key = tmp_path / "key"
    key.write_text("a key that members of a set would share")
    key.chmod(0o400)
    mongod = Mongod(tmp_path / "mongo", arguments=("--keyFile", str(key)))
    broker = RabbitMQ(tmp_path / "rabbitmq", management_port=free_port())
    async with AsyncExitStack() as during:
        enter = during.enter_async_context
        await asyncio.gather(enter(mongod), enter(broker))
        during.push_async_callback(broker.kill)  # nobody needs it to end in order
        await _users_of_mongod(mongod)
        uri = _mongo_uri(mongod, ADMINISTRATOR, DATABASE)
        space = BookingSpace(name="night", mongo_uri=uri, rabbitmq_uri=broker.uri)
        client = await enter(connect(uri, application="tests"))
        await Outbox(own_database(client), source="/test", clock=DatabaseClock(client)).prepare()
        connection = await enter(await aio_pika.connect(broker.uri, heartbeat=0))
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        await Topology(exchange=EXCHANGE, queues={space.queue: [TYPE]}).declare(channel)
        await _users_of_broker(broker, space.queue)
        harness = CliHarness(space, client, channel)
        relay, url = _relay(mongod, broker, tmp_path)
        during.push_async_callback(relay.stop)
        browser = await enter(console(_settings(harness, mongod, broker, url)))
        night = Night(
            mongod=mongod,
            rabbitmq=broker,
            harness=harness,
            relay=relay,
            browser=browser,
            channel=channel,
        )
        await night.start_relay()
        await night.consume()
        yield night


async def _users_of_mongod(mongod: Mongod) -> None:
    """As deploy/setup makes them: by the administrator, whom loopback alone may make."""
    roles = [{"role": "root", "db": "admin"}]
    async with connect(mongod.uri, application="tests") as client:
        await client.admin.command("createUser", ADMINISTRATOR, pwd=PASSWORD, roles=roles)
    async with connect(_mongo_uri(mongod, ADMINISTRATOR, ""), application="tests") as client:
        await mongo.users(client)


async def _users_of_broker(broker: RabbitMQ, queue: str) -> None:
    """As deploy/setup makes them; and a limit to what the queue takes."""
    async with httpx.AsyncClient(
        auth=("guest", "guest"),
        base_url=f"http://{LOOPBACK}:{broker.management_port}/api",
        trust_env=False,
    ) as api:
        await rabbitmq.users(api, (RELAY, CONSOLE))
        policy = {"pattern": f"^{queue}$", "definition": {"max-length": MOST}}
        (await api.put("/policies/%2F/night", json=policy)).raise_for_status()


def _mongo_uri(mongod: Mongod, user: str, database: str) -> str:
    uri = mongod.database(database).replace("://", f"://{user}:{PASSWORD}@")
    return f"{uri}&authSource=admin"


def _as(user: str, uri: str | None) -> str:
    assert uri is not None
    return uri.replace("guest:guest", f"{user}:{PASSWORD}")


def _settings(harness: CliHarness, mongod: Mongod, broker: RabbitMQ, relay: str) -> ConsoleSettings:
    return settings(
        harness,
        console_sources=f"shop={_mongo_uri(mongod, CONSOLE, DATABASE)}",
        mongo_uri=_mongo_uri(mongod, CONSOLE, CONSOLE),
        rabbitmq_uri=_as(CONSOLE, broker.uri),
        console_broker_api=_as(CONSOLE, broker.management_url),
        console_programs=f"relay={relay}",
    )


def _relay(mongod: Mongod, broker: RabbitMQ, directory: Path) -> tuple[Process, str]:
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    program = Program(
        name="relay",
        command=(sys.executable, "-m", "relay"),
        environment={
            "PATH": os.environ["PATH"],
            "RELAY_SOURCES": f"shop={_mongo_uri(mongod, RELAY, DATABASE)}",
            "RABBITMQ_URI": _as(RELAY, broker.uri),
            "RELAY_PORT": str(port),
            "HTTP_HOST": LOOPBACK,
        },
        probe=ready.http(url),
    )
    return Process(program, directory / "relay.log"), url


async def test_a_night_shift(night: Night) -> None:
    async with night.browser.http.stream("GET", "/live"):  # somebody watches
        await night.is_well()
        await _a_relay_is_killed(night)
        await _the_broker_freezes(night)
        await _the_database_is_away(night)
        await _a_message_is_poison(night)
        await _a_binding_is_gone(night)
        await _a_queue_is_full(night)
    entries = (await night.browser.json("/audit"))["entries"]
    assert [(one["action"], one["state"]) for one in entries] == [
        ("redrive", "done"), ("bind", "done"), ("drop", "done"),
    ]  # fmt: skip


async def _a_relay_is_killed(night: Night) -> None:
    await night.relay.kill()
    await night.sees("ProgramDown")
    await eventually(lambda: _tells_of(night, "NoRelayLeads"))  # when its lease is over
    await night.start_relay()
    await night.is_well()


async def _the_broker_freezes(night: Night) -> None:
    with _frozen(night.rabbitmq.pid):
        await night.sees("BrokerUnavailable")
    await night.is_well()


async def _the_database_is_away(night: Night) -> None:
    with _frozen(night.mongod.pid):
        await night.sees("SourceUnavailable")
    await night.is_well()


async def _a_message_is_poison(night: Night) -> None:
    await night.harness.set_aside("malformed")
    await night.sees("DeadLettersWait")
    entry = await act(night.browser, "drop")
    assert entry["state"] == "done"
    await night.is_well()


async def _a_binding_is_gone(night: Night) -> None:
    queue = await night.channel.get_queue(night.queue, ensure=False)
    await queue.unbind(night.harness.space.exchange, TYPE)
    await night.sees("BindingMissing")
    await night.harness.add()
    await night.sees("EventsUnrouted")
    assert "missing" in await night.browser.html("/map")

    page = await night.browser.html(f"/map/bind?queue={night.queue}")
    bound = await night.browser.post("/map/bind", page, queue=night.queue)
    entry = (await night.browser.json(bound.headers["location"]))["entry"]
    assert (entry["state"], entry["places"][0]["done"]) == ("done", [TYPE])
    assert (await act(night.browser, "redrive"))["state"] == "done"
    await night.is_well()


async def _a_queue_is_full(night: Night) -> None:
    queue = await night.channel.get_queue(night.queue, ensure=False)
    await queue.cancel(CONSUMER)
    await night.harness.add(MOST)
    await night.sees("QueueFull", "NoConsumer")

    async def is_refused() -> bool:  # the limit is a soft one: a few more are taken
        await night.harness.add()
        return await _tells_of(night, "ProgramNotReady")

    await eventually(is_refused, every_s=0.2)
    assert "rejects events" in (await night.kinds())["ProgramNotReady"]
    await night.consume()
    await night.is_well()


async def _tells_of(night: Night, kind: str) -> bool:
    return kind in await night.kinds()


@contextmanager
def _frozen(pid: int | None) -> Iterator[None]:
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def _takes(message: AbstractIncomingMessage) -> None:
    await message.ack()
