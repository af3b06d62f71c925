"""The programs of the stack: how each is started, and the environment it is given."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

from postbox.embedded import Program
from stack.info import Application, BackingServer, Gateway, Info, Payment
from stack.layout import APPLICATIONS, CONSOLE, PROGRAMS, SCENARIOS, Layout
from stack.servers.mongod import Mongod
from stack.servers.ports import LOOPBACK
from stack.servers.rabbitmq import RabbitMQ
from stack.supervision import lock, ready
from stack.supervision.process import ROOT
from stack.tokens import Tokens

DATABASES: Final = ("gateway", "booking", "payment")
COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "provider": (sys.executable, "-m", "stack.provider"),
    "gateway": (sys.executable, "-m", "services.gateway"),
    "booking": (sys.executable, "-m", "services.booking"),
    "payment": (sys.executable, "-m", "services.payment"),
    "relay": (sys.executable, "-m", "relay"),
    "scenarios": (sys.executable, "-m", "scenarios.player"),
    "console": (sys.executable, "-m", "postbox.console"),
}
# What differs from the programs' own defaults: at a desk nobody waits a minute for a lost webhook.
DEFAULTS: Final[Mapping[str, str]] = {"RECONCILE_INTERVAL_S": "5", "HTTP_HOST": "127.0.0.1"}
# A crash point is armed for one run of one program, never for all by the shell.
NEVER_INHERITED: Final = ("CRASH_AT",)


@dataclass(frozen=True, kw_only=True)
class Options:
    """`environment` goes to the programs; `commands` replaces how some are started.

    `programs` are those of them to start; the others are held down until released.
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
            # For the console alone, which costs a second of the broker's start.
            management_port=ports["rabbitmq_management"] if CONSOLE in options.programs else None,
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
        inherited = _inherited()
        tokens = Tokens(self._layout).variables()
        return tuple(
            Program(
                name=name,
                command=self._options.commands.get(name, COMMANDS[name]),
                environment={
                    **DEFAULTS,
                    **tokens,
                    **inherited,
                    **self._own(name),
                    **self._options.environment,
                    "HTTP_HOST": LOOPBACK,
                    "PYTHONUNBUFFERED": "1",
                },
                probe=ready.http(self._url(name)),
                folder=ROOT,
            )
            for name in PROGRAMS
        )

    def info(self, pids: Mapping[str, int | None]) -> Info:
        def application(name: str) -> Application:
            return Application(url=self._url(name), pid=pids[name])

        return Info(
            gateway=Gateway(
                url=self._url("gateway"), pid=pids["gateway"], auth=self._gateway_auth()
            ),
            booking=application("booking"),
            payment=Payment(
                url=self._url("payment"),
                pid=pids["payment"],
                webhook_secret=self._drawn.webhook_secret,
            ),
            relay=application("relay"),
            provider=application("provider"),
            scenarios=application("scenarios"),
            console=application("console"),
            mongo=BackingServer(uri=self.mongod.uri, pid=pids["mongo"]),
            rabbitmq=BackingServer(uri=self.rabbitmq.uri, pid=pids["rabbitmq"]),
        )

    def _gateway_auth(self) -> str:
        return {**_inherited(), **self._options.environment}.get("GATEWAY_AUTH") or "none"

    def _marked(self, program: Program) -> Program:
        environment = {**program.environment, **lock.mark(self._layout)}
        return replace(program, environment=environment)

    def _url(self, name: str) -> str:
        return f"http://{LOOPBACK}:{self._drawn.ports[name]}"

    @property
    def _sources(self) -> str:
        return ",".join(f"{db}={self.mongod.database(db)}" for db in DATABASES)

    @property
    def _scenarios_token(self) -> str:
        """Without it nobody plays a scenario; drawn once, as the secret of which it is made."""
        return sha256(f"scenarios {self._drawn.webhook_secret}".encode()).hexdigest()

    @property
    def _stripe(self) -> dict[str, str]:
        """Where Stripe is the provider: its API at the simulator's second door, if at no other."""
        asked = {**_inherited(), **self._options.environment}
        if asked.get("PAYMENT_PROVIDER") != "stripe" or asked.get("STRIPE_API_KEY"):
            return {}
        secret = self._drawn.webhook_secret
        return {
            "STRIPE_API_KEY": f"sk_test_{sha256(secret.encode()).hexdigest()}",
            "STRIPE_WEBHOOK_SECRET": secret,
            "STRIPE_WEBHOOK_SECRETS": secret,
            "STRIPE_BASE_ADDRESS": self._url("provider"),
        }

    def _own(self, name: str) -> dict[str, str]:
        """The variables that this program reads."""
        port = {f"{name.upper()}_PORT": str(self._drawn.ports[name])}
        secret = {"WEBHOOK_SECRET": self._drawn.webhook_secret}
        broker = {"RABBITMQ_URI": self.rabbitmq.uri}
        match name:
            case "provider":
                path = "/payment/stripe" if self._stripe else "/payment/captured"
                webhook = {"WEBHOOK_URL": f"{self._url('payment')}{path}"}
                ledger = {"PROVIDER_DB": str(self._layout.data / "provider.db")}
                closed = {"STRIPE_API_KEY": "", "STRIPE_WEBHOOK_SECRET": ""}
                return {**port, **secret, **webhook, **ledger, **closed, **self._stripe}
            case "relay":
                return {**port, **broker, "RELAY_SOURCES": self._sources}
            case "scenarios":
                stack = {"STACK_JSON": str(self._layout.info)}
                return {**port, **stack, "SCENARIOS_TOKEN": self._scenarios_token}
            case "console":
                return {**port, **broker, **self._of_console()}
            case "payment":
                database = {"MONGO_URI": self.mongod.database(name)}
                return {
                    **port,
                    **broker,
                    **database,
                    **secret,
                    "PROVIDER_URL": self._url("provider"),
                    **self._stripe,
                }
            case _:
                return {**port, **broker, "MONGO_URI": self.mongod.database(name)}

    def _of_console(self) -> dict[str, str]:
        """It looks at everything, and has scenarios played where there is who plays them."""
        api = self.rabbitmq.management_url
        player = self._url(SCENARIOS).replace("//", f"//:{self._scenarios_token}@")
        return {
            **({} if api is None else {"CONSOLE_BROKER_API": api}),
            "CONSOLE_SCENARIOS": player,
            "MONGO_URI": self.mongod.database(CONSOLE),
            "CONSOLE_PROGRAMS": ",".join(f"{one}={self._url(one)}" for one in APPLICATIONS),
            "CONSOLE_SOURCES": self._sources,
            "CONSOLE_QUEUES": " ".join(f"{db}.events" for db in DATABASES),
        }


def _inherited() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k not in NEVER_INHERITED}
