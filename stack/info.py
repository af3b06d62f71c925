"""stack.json: what runs, where, under which process id. `pid` is null while a program is down."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

from stack.errors import NotRunning


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Application(_Frozen):
    url: str
    pid: int | None


class Gateway(Application):
    auth: str = "none"
    """`jwt` where requests need a token (`python -m stack token`), else `none`."""


class Payment(Application):
    webhook_secret: str


class BackingServer(_Frozen):
    uri: str
    pid: int | None


class Info(_Frozen):
    gateway: Gateway
    booking: Application
    payment: Payment
    relay: Application
    provider: Application
    scenarios: Application
    console: Application
    mongo: BackingServer
    rabbitmq: BackingServer

    @classmethod
    def read(cls, path: Path) -> Self:
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise NotRunning(f"no stack is up: there is no {path}") from None

    def pid(self, name: str) -> int | None:
        """The process id of the program of this name."""
        return self.part(name).pid

    def part(self, name: str) -> Application | BackingServer:
        part: Application | BackingServer = getattr(self, name)
        return part
