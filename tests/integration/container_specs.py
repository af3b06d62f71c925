"""How each container of the system is made: the images and settings that compose.yaml has."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from deploy.context import ROOT
from deploy.images import Images
from deploy.setup.mongo import REPLICA_SET
from postbox.embedded.rabbitmq import NO_BUSY_WAITING
from postbox.service import ALL_INTERFACES
from stack.servers.ports import free_port
from tests.integration.container import ContainerSpec

WEBHOOK_SECRET: Final = f"whsec_{b64encode(b'secret-of-the-container-tests').decode()}"
BROKER_USER: Final = "postbox"
BROKER_PASSWORD: Final = "postbox"
BROKER_LOGIN: Final = f"{BROKER_USER}:{BROKER_PASSWORD}"
SERVICES: Final = ("gateway", "booking", "payment")
PORTS: Final = {"gateway": 3000, "booking": 3001, "payment": 3002, "relay": 3003, "provider": 3004}
MODULES: Final = {
    **{service: f"services.{service}" for service in SERVICES},
    "relay": "relay",
    "provider": "stack.provider",
}
# The limits of compose.yaml.
HARDENED: Final[Mapping[str, Any]] = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "mem_limit": "256m",
    "pids_limit": 64,
}
OPLOG_MB: Final = 128
DISK: Final = "disk"
"""The container that keeps MongoDB's disk mounted, and can fill it."""


class ContainerSpecs:
    """For one system; `disk` is the volume that a single mongod keeps its data on."""

    def __init__(
        self,
        images: Images,
        *,
        mongos: Sequence[str],
        brokers: Sequence[str],
        programs: Sequence[str],
        disk: str,
        environment: Mapping[str, str],
    ) -> None:
        self._images = images
        self._mongos = mongos
        self._brokers = brokers
        self._programs = programs
        self._disk = disk
        self._environment = environment
        self.ports: dict[str, int] = {}
        """On the host, by the container's name."""

    def all(self) -> list[ContainerSpec]:
        single = len(self._mongos) == 1
        return [
            *([self._keeper_of_the_disk()] if single else []),
            *(self._mongo(name, on_disk=single) for name in self._mongos),
            *(self._rabbitmq(name) for name in self._brokers),
            *(self._program(name) for name in ("provider", *self._programs)),
        ]

    def _keeper_of_the_disk(self) -> ContainerSpec:
        """What is in memory is gone when nobody mounts it any more."""
        return ContainerSpec(
            name=DISK,
            image=self._images.mongo,
            command=("sleep", "infinity"),
            volumes={"/data/db": self._disk},
        )

    def _mongo(self, name: str, *, on_disk: bool) -> ContainerSpec:
        parameters = (
            "enableTestCommands=1",
            "transactionLifetimeLimitSeconds=10",
            "shutdownTimeoutMillisForSignaledShutdown=2000",
        )
        return ContainerSpec(
            name=name,
            image=self._images.mongo,
            command=(
                *("mongod", "--replSet", REPLICA_SET, "--bind_ip_all"),
                *("--oplogSize", str(OPLOG_MB), "--wiredTigerCacheSizeGB", "0.25"),
                *(part for one in parameters for part in ("--setParameter", one)),
            ),
            ports={27017: self._port(name)},
            volumes={"/data/db": self._disk} if on_disk else {},
        )

    def _rabbitmq(self, name: str) -> ContainerSpec:
        files = {"/etc/rabbitmq/rabbitmq.conf": str(ROOT / "deploy" / "rabbitmq.conf")}
        if len(self._brokers) > 1:
            joins = ROOT / "deploy" / "rabbitmq-joins.conf"
            files["/etc/rabbitmq/conf.d/joins.conf"] = str(joins)
        cookie = "umask 077; f=$HOME/.erlang.cookie; rm -f $f; echo tests > $f"
        return ContainerSpec(
            name=name,
            image=self._images.rabbitmq,
            command=("sh", "-ec", f"{cookie}; exec rabbitmq-server"),
            environment={
                "HOME": "/var/lib/rabbitmq",
                "RABBITMQ_DEFAULT_USER": BROKER_USER,
                "RABBITMQ_DEFAULT_PASS": BROKER_PASSWORD,
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"+S 2:2 {NO_BUSY_WAITING}",
            },
            ports={5672: self._port(name)},
            files=files,
            aliases=("broker",),
            options={"user": "999:999"},
        )

    def _program(self, name: str) -> ContainerSpec:
        program = name.rstrip("0123456789")
        return ContainerSpec(
            name=name,
            image=self._images.program,
            command=(MODULES[program],),
            environment={
                f"{program.upper()}_PORT": str(PORTS[program]),
                **self._variables(program),
                **self._environment,
            },
            ports={PORTS[program]: self._port(name)},
            aliases=() if name == program else (program,),
            options=HARDENED,
        )

    def _variables(self, program: str) -> dict[str, str]:
        if program == "provider":
            return {
                "HTTP_HOST": ALL_INTERFACES,
                "WEBHOOK_SECRET": WEBHOOK_SECRET,
                "WEBHOOK_URL": f"http://payment:{PORTS['payment']}/payment/captured",
                "PROVIDER_DB": "/data/provider.db",
            }
        broker = {"RABBITMQ_URI": f"amqp://{BROKER_LOGIN}@broker/"}
        if program == "relay":
            sources = ",".join(f"{name}={self._database(name)}" for name in SERVICES)
            return {**broker, "RELAY_SOURCES": sources}
        own = {**broker, "MONGO_URI": self._database(program)}
        if program == "gateway":
            return {**own, "HTTP_HOST": ALL_INTERFACES, "GATEWAY_AUTH_NONE_ANYWHERE": "true"}
        if program != "payment":
            return own
        return {
            **own,
            "WEBHOOK_SECRET": WEBHOOK_SECRET,
            "PROVIDER_URL": f"http://provider:{PORTS['provider']}",
            "RECONCILE_INTERVAL_S": "2",
        }

    def _database(self, name: str) -> str:
        return f"mongodb://{','.join(self._mongos)}/{name}?replicaSet={REPLICA_SET}"

    def _port(self, name: str) -> int:
        while name not in self.ports:
            port = free_port()
            if port not in self.ports.values():
                self.ports[name] = port
        return self.ports[name]
