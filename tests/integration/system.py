"""The whole system in containers of its own, on a network of its own; nothing of it is left.

`System(images)` has one of everything; `System(images, members=3, copies=2)` has three mongod,
three RabbitMQ and two of each program, as compose's profile `cluster` has.
"""

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Final, Self

import httpx
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from testcontainers.core.network import Network

from deploy.images import Images
from deploy.setup.mongo import REPLICA_SET
from deploy.shell import run
from stack.info import Application, BackingServer, Gateway, Info, Payment
from stack.servers.ports import LOOPBACK
from tests.eventually import eventually
from tests.integration.container import Container
from tests.integration.container_specs import (
    BROKER_LOGIN,
    DISK,
    SERVICES,
    WEBHOOK_SECRET,
    ContainerSpecs,
)

COPIED: Final = (*SERVICES, "relay")
PROBE_LIMIT_S: Final = 2.0
READY_LIMIT_S: Final = 60.0
DISK_MB: Final = 1024
# What is published must not be reachable from anywhere else.
LOOPBACK_ONLY: Final = {"com.docker.network.bridge.host_binding_ipv4": LOOPBACK}


class System:
    """`environment` goes to all programs. Boxes: mongo, rabbitmq, gateway, ...; then mongo2 etc."""

    def __init__(
        self,
        images: Images,
        *,
        members: int = 1,
        copies: int = 1,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.network = Network(docker_network_kw={"options": LOOPBACK_ONLY})
        self.mongos = _numbered("mongo", members)
        self.brokers = _numbered("rabbitmq", members)
        self.programs = [one for name in COPIED for one in _numbered(name, copies)]
        self.containers: dict[str, Container] = {}
        self._disk = f"postbox-test-{secrets.token_hex(4)}"
        self._specs = ContainerSpecs(
            images,
            mongos=self.mongos,
            brokers=self.brokers,
            programs=self.programs,
            disk=self._disk,
            environment=environment or {},
        )
        self._undo = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as undo:
            await asyncio.to_thread(self.network.create)
            undo.callback(self.network.remove)
            run(_volume(self._disk), why="no disk for MongoDB")
            undo.callback(run, ["docker", "volume", "rm", self._disk], why="the disk stays")
            for spec in self._specs.all():
                self.containers[spec.name] = Container(spec, self.network)
                undo.push_async_callback(self.containers[spec.name].remove)
            await self._start()
            self._undo = undo.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._undo.aclose()

    async def _start(self) -> None:
        if DISK in self.containers:
            await self.containers[DISK].make()
        backing = [*self.mongos, *self.brokers]
        await asyncio.gather(*(self.containers[name].make() for name in backing))
        await self._begin_replica_set()
        await asyncio.gather(*(self.ready(name) for name in self.brokers))
        programs = ["provider", *self.programs]
        await asyncio.gather(*(self.containers[name].make() for name in programs))
        await asyncio.gather(*(self.ready(name) for name in programs))

    async def _begin_replica_set(self) -> None:
        members = [{"_id": n, "host": f"{name}:27017"} for n, name in enumerate(self.mongos)]

        async def begun() -> bool:
            try:
                async with self.mongo_client(self.mongos[0]) as client:
                    hello = await client.admin.command("hello")
                    if "setName" not in hello:
                        config = {"_id": REPLICA_SET, "members": members}
                        await client.admin.command("replSetInitiate", config)
            except PyMongoError:
                return False
            return True

        await eventually(begun, limit_s=READY_LIMIT_S)
        await eventually(self.primary, limit_s=READY_LIMIT_S)

    # --- where things are

    def url(self, name: str) -> str:
        return f"http://{LOOPBACK}:{self._specs.ports[name]}"

    def amqp_uri(self, name: str = "rabbitmq") -> str:
        return f"amqp://{BROKER_LOGIN}@{LOOPBACK}:{self._specs.ports[name]}/"

    def mongo_uri(self, name: str) -> str:
        """One member directly: the others' names mean nothing on the host."""
        return f"mongodb://{LOOPBACK}:{self._specs.ports[name]}/?directConnection=true"

    def mongo_client(self, name: str) -> AsyncMongoClient[dict[str, Any]]:
        limit_ms = int(PROBE_LIMIT_S * 1000)
        return AsyncMongoClient(
            self.mongo_uri(name),
            serverSelectionTimeoutMS=limit_ms,
            timeoutMS=limit_ms,
            tz_aware=True,
        )

    async def primary(self) -> str | None:
        """The member that is primary now, as most of the others see it."""
        found = None
        for name in self.mongos:
            try:
                async with self.mongo_client(name) as client:
                    if (await client.admin.command("hello"))["isWritablePrimary"]:
                        found = name
            except PyMongoError:
                continue
        return found

    async def info(self) -> Info:
        """As stack.json says it of the embedded stack, so that the same code runs on both."""
        primary = await eventually(self.primary, limit_s=READY_LIMIT_S)
        broker = await eventually(self._living_broker, limit_s=READY_LIMIT_S)
        assert primary is not None
        assert broker is not None

        def application(name: str) -> Application:
            return Application(url=self.url(name), pid=None)

        return Info(
            gateway=Gateway(url=self.url("gateway"), pid=None),
            booking=application("booking"),
            payment=Payment(url=self.url("payment"), pid=None, webhook_secret=WEBHOOK_SECRET),
            relay=application("relay"),
            provider=application("provider"),
            scenarios=Application(url="", pid=None),  # there is none, and no console
            console=Application(url="", pid=None),
            mongo=BackingServer(uri=self.mongo_uri(primary), pid=None),
            rabbitmq=BackingServer(uri=self.amqp_uri(broker), pid=None),
        )

    async def _living_broker(self) -> str | None:
        for name in self.brokers:
            if await self._speaks_amqp(name):
                return name
        return None

    # --- when they can work

    async def ready(self, name: str, limit_s: float = READY_LIMIT_S) -> None:
        """Waits until this one can do its work; an AssertionError with its log at the limit."""

        async def can_work() -> bool:
            return await self.is_ready(name)

        try:
            await eventually(can_work, limit_s=limit_s, every_s=0.1)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}\n{await self.containers[name].logs()}") from None

    async def is_ready(self, name: str) -> bool:
        if name in self.brokers:
            return await self._speaks_amqp(name)
        if name in self.mongos:
            return await self._serves(name)
        async with httpx.AsyncClient(timeout=PROBE_LIMIT_S, trust_env=False) as http:
            try:
                return (await http.get(f"{self.url(name)}/readyz")).is_success
            except httpx.HTTPError:
                return False

    async def _serves(self, name: str) -> bool:
        try:
            async with self.mongo_client(name) as client:
                hello = await client.admin.command("hello")
        except PyMongoError:
            return False
        return bool(hello["isWritablePrimary"] or hello["secondary"])

    async def _speaks_amqp(self, name: str) -> bool:
        """Whether the node has booted: it then answers the protocol's greeting."""
        try:
            async with asyncio.timeout(PROBE_LIMIT_S):
                reader, writer = await asyncio.open_connection(LOOPBACK, self._specs.ports[name])
                writer.write(b"AMQP\x00\x00\x09\x01")
                try:
                    return bool(await reader.readexactly(1))
                finally:
                    writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return False


def _numbered(name: str, count: int) -> list[str]:
    """mongo, mongo2, mongo3: as in compose.yaml."""
    return [name, *(f"{name}{number}" for number in range(2, count + 1))]


def _volume(name: str) -> list[str]:
    """A disk of DISK_MB, in memory: small enough to be filled."""
    options = {"type": "tmpfs", "device": "tmpfs", "o": f"size={DISK_MB}m,uid=999,gid=999"}
    given = [part for key, value in options.items() for part in ("--opt", f"{key}={value}")]
    return ["docker", "volume", "create", *given, name]
