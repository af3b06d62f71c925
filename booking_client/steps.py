"""What the rules ask a transport for, one step after another; the transport answers each.

The rules are generators that know neither sockets nor event loops. A transport that answers at once
and one that is awaited both run them, so both kinds of client behave the same.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request without its token, which is asked for anew at each attempt."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """Send a request. Answered with a `Head`; or an httpx.HTTPError is raised."""

    request: Request
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of an answer; its headers' names are in small letters."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Read:
    """The next bytes of the answer that is open; None at its end."""


@dataclass(frozen=True, slots=True)
class Close:
    """Have done with the answer that is open."""


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


Step: TypeAlias = Open | Read | Close | Pause
Steps: TypeAlias = Generator[Step, Any, T]


def opened(request: Request, timeout_s: float) -> Steps[Head]:
    head: Head = yield Open(request, timeout_s)
    return head


def read() -> Steps[bytes | None]:
    content: bytes | None = yield Read()
    return content


def closed() -> Steps[None]:
    yield Close()


def paused(seconds: float) -> Steps[None]:
    yield Pause(seconds)
