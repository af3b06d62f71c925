"""The programs of the stack: how each is started, and the environment it is given."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from stack.info import Application, BackingServer, Info, Payment
from stack.layout import APPLICATIONS, Layout
from stack.servers.mongod import Mongod
from stack.servers.ports import LOOPBACK
from stack.servers.rabbitmq import RabbitMQ
from stack.supervision import lock, ready
from stack.supervision.process import Program

DATABASES: Final = ("gateway", "booking", "payment")
COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "provider": (sys.executable, "-m", "stack.provider"),
    "gateway": (sys.executable, "-m", "services.gateway"),
    "booking": (sys.executable, "-m", "services.booking"),
    "payment": (sys.executable, "-m", "services.payment"),
    "relay": (sys.executable, "-m", "relay"),
}
# What differs from the programs' own defaults: at a desk nobody waits a minute for a lost webhook.
DEFAULTS: Final[Mapping[str, str]] = {"RECONCILE_INTERVAL_S": "5", "HTTP_HOST": "127.0.0.1"}
# A crash point is armed for one run of one program, never for all by the shell.
NEVER_INHERITED: Final = ("CRASH_AT",)


@dataclass(frozen=True, kw_only=True)
class Options:
    """`environment` goes to the five applications; `commands` replaces how some are started.

    `programs` are the applications to start; the others are held down until released.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    programs: Sequence[str] = APPLICATIONS
    commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Programs:
    """The table of programs for one directory."""

    def __init__(self, layout: Layout, options: Options) -> None:
        drawn = layout.draw()
        self._layout = layout
        self._options = options
        self._drawn = drawn
        ports = drawn.ports
        self.mongod = Mongod(layout.data / "mongo", port=ports["mongo"])
        self.rabbitmq = RabbitMQ(
            layout.data / "rabbitmq",
            port=ports["rabbitmq"],
            distribution_port=ports["rabbitmq_distribution"],
            epmd_port=ports["epmd"],
        )

    def waves(self) -> tuple[tuple[Program, ...], ...]:
        """All programs, in waves: those of one start together, when the wave before is ready."""
        epmd, rabbitmq = self.rabbitmq.programs()
        backing = (*self.mongod.programs(), rabbitmq)
        return tuple(
            tuple(self._marked(program) for program in wave)
            for wave in ((epmd,), backing, self._applications())
        )

    def _applications(self) -> tuple[Program, ...]:
        inherited = {k: v for k, v in os.environ.items() if k not in NEVER_INHERITED}
        return tuple(
            Program(
                name=name,
                command=self._options.commands.get(name, COMMANDS[name]),
                environment={
                    **DEFAULTS,
                    **inherited,
                    **self._own(name),
                    **self._options.environment,
                    "HTTP_HOST": LOOPBACK,
                    "PYTHONUNBUFFERED": "1",
                },
                probe=ready.http(self._url(name)),
            )
            for name in APPLICATIONS
        )

    def info(self, pids: Mapping[str, int | None]) -> Info:
        def application(name: str) -> Application:
            return Application(url=self._url(name), pid=pids[name])

        return Info(
            gateway=application("gateway"),
            booking=application("booking"),
            payment=Payment(
                url=self._url("payment"),
                pid=pids["payment"],
                webhook_secret=self._drawn.webhook_secret,
            ),
            relay=application("relay"),
            provider=application("provider"),
            mongo=BackingServer(uri=self.mongod.uri, pid=pids["mongo"]),
            rabbitmq=BackingServer(uri=self.rabbitmq.uri, pid=pids["rabbitmq"]),
        )

    def _marked(self, program: Program) -> Program:
        environment = {**program.environment, **lock.mark(self._layout)}
        return replace(program, environment=environment)

    def _url(self, name: str) -> str:
        return f"http://{LOOPBACK}:{self._drawn.ports[name]}"

    def _own(self, name: str) -> dict[str, str]:
        """The variables that this program reads."""
        port = {f"{name.upper()}_PORT": str(self._drawn.ports[name])}
        secret = {"WEBHOOK_SECRET": self._drawn.webhook_secret}
        broker = {"RABBITMQ_URI": self.rabbitmq.uri}
        match name:
            case "provider":
                webhook = {"WEBHOOK_URL": f"{self._url('payment')}/payment/captured"}
                ledger = {"PROVIDER_DB": str(self._layout.data / "provider.db")}
                return {**port, **secret, **webhook, **ledger}
            case "relay":
                sources = ",".join(f"{db}={self.mongod.database(db)}" for db in DATABASES)
                return {**port, **broker, "RELAY_SOURCES": sources}
            case "payment":
                database = {"MONGO_URI": self.mongod.database(name)}
                return {
                    **port,
                    **broker,
                    **database,
                    **secret,
                    "PROVIDER_URL": self._url("provider"),
                }
            case _:
                return {**port, **broker, "MONGO_URI": self.mongod.database(name)}
