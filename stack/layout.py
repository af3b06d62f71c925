"""Where a stack keeps its files, and what it drew once and keeps: ports and the webhook's secret.

stack.json    what runs, while it runs        logs/    one file a program
lock          held by the supervisor          data/    what survives `down`
control.sock  where the supervisor listens
"""

import base64
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from stack.servers.ports import free_port, is_free

APPLICATIONS: Final = ("provider", "gateway", "booking", "payment", "relay")
CONSOLE: Final = "console"
SCENARIOS: Final = "scenarios"
"""Plays them for the console. Both are for people alone: a stack that a program brings up holds
them down, unless it asks for them."""
PROGRAMS: Final = (*APPLICATIONS, SCENARIOS, CONSOLE)
PORTS: Final = (
    *("mongo", "rabbitmq", "rabbitmq_distribution", "rabbitmq_management", "epmd"),
    *PROGRAMS,
)
SECRET_BYTES: Final = 32
OWNER_ONLY: Final = 0o600
"""The files that are written here hold secrets: the webhook's, and the key that signs tokens."""


class Drawn(BaseModel):
    """Drawn at the first start, so that addresses and the secret outlive restarts."""

    model_config = ConfigDict(frozen=True)

    ports: dict[str, int]
    webhook_secret: str


@dataclass(frozen=True)
class Layout:
    directory: Path

    @property
    def info(self) -> Path:
        return self.directory / "stack.json"

    @property
    def lock(self) -> Path:
        return self.directory / "lock"

    @property
    def control(self) -> Path:
        return self.directory / "control.sock"

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def log(self, name: str) -> Path:
        return self.directory / "logs" / f"{name}.log"

    def draw(self) -> Drawn:
        """What was drawn before; a port that somebody else has taken since is drawn again."""
        path = self.data / "drawn.json"
        old = Drawn.model_validate_json(path.read_bytes()) if path.exists() else None
        drawn = Drawn(
            ports=_ports(PORTS, {} if old is None else old.ports),
            webhook_secret=_secret() if old is None else old.webhook_secret,
        )
        write_atomically(path, drawn.model_dump_json(indent=2))
        return drawn


def _ports(names: Iterable[str], old: dict[str, int]) -> dict[str, int]:
    ports: dict[str, int] = {}
    for name in names:
        port = old.get(name)
        while port is None or port in ports.values() or not is_free(port):
            port = free_port()
        ports[name] = port
    return ports


def _secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def write_atomically(path: Path, text: str) -> None:
    """Readers see the old text or the new, never a part; only the user's own may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY), "w") as file:
        file.write(text + "\n")
    part.chmod(OWNER_ONLY)
    os.replace(part, path)
