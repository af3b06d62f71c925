"""The console's configuration, by environment variables."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AmqpDsn, BeforeValidator, Field
from pydantic_settings import NoDecode

from postbox.console.overview.programs import Program
from postbox.console.security.passwords import check_hash
from postbox.errors import ConfigurationError
from postbox.outbox import Source
from postbox.rabbitmq import EXCHANGE
from postbox.service import MongoUri, Port, Settings

LOOPBACK: Final = "127.0.0.1"
EVERYBODY: Final = "*"
TRACE: Final = "{trace}"
"""In the address of traces, where a trace's id comes."""
_BETWEEN: Final = re.compile(r"[\s,]+")


def _sources(value: object) -> object:
    return Source.parse_all(value) if isinstance(value, str) else value


def _words(value: object) -> object:
    return tuple(filter(None, _BETWEEN.split(value))) if isinstance(value, str) else value


def _programs(value: object) -> object:
    """`name=http://host:port`, between spaces or commas. ValueError says which is wrong."""
    if not isinstance(value, str):
        return value
    programs = []
    for part in filter(None, _BETWEEN.split(value)):
        name, _, url = part.partition("=")
        if not name or not url.startswith(("http://", "https://")):
            raise ValueError(f"expected name=http://host:port, got {part!r}")
        programs.append(Program(name, url.rstrip("/").removesuffix("/readyz")))
    return tuple(programs)


def _bindings(value: object) -> object:
    """`queue=key+key`, between spaces or commas. ValueError says which is wrong."""
    if not isinstance(value, str):
        return value
    bindings: dict[str, frozenset[str]] = {}
    for part in filter(None, _BETWEEN.split(value)):
        queue, _, keys = part.partition("=")
        if not queue or not keys:
            raise ValueError(f"expected queue=key+key, got {part!r}")
        bindings[queue] = frozenset(keys.split("+"))
    return bindings


def _address(value: object) -> object:
    if isinstance(value, str) and not value.startswith(("http://", "https://")):
        raise ValueError("expected http://... or https://...")
    return value


def _network(value: object) -> object:
    return ip_network(value) if isinstance(value, str) else value


def _hash(value: object) -> object:
    if isinstance(value, str):
        check_hash(value)
    return value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]


def _trace_address(value: object) -> object:
    address = _address(value)
    if isinstance(address, str) and TRACE not in address:
        return f"{address.rstrip('/')}/trace/{TRACE}"
    return address


Address = Annotated[str | None, BeforeValidator(_address)]
TraceAddress = Annotated[str | None, BeforeValidator(_trace_address)]
PasswordHash = Annotated[str | None, BeforeValidator(_hash)]
# An address, or a network, of either kind.
Network = Annotated[Any, NoDecode, BeforeValidator(_network)]


class ConsoleSettings(Settings):
    """A web page: what is pending, set aside or on its way, and what to do about it."""

    console_sources: Annotated[tuple[Source, ...], NoDecode, BeforeValidator(_sources)]
    """name=mongodb://host/database,...: the outboxes to look at; a user that may read is enough."""
    rabbitmq_uri: AmqpDsn
    """amqp://user:password@host/"""
    mongo_uri: MongoUri | None = None
    """mongodb://host/database: the console's own database, for the audit. Without it nobody can
    change anything.
    """
    http_host: str = LOOPBACK
    """The address to serve HTTP on."""
    console_port: Port = 3005
    """The port to serve HTTP on."""
    console_queues: Words = ()
    """The consumers' queues, between spaces: AMQP cannot list them."""
    console_exchange: Annotated[str, Field(min_length=1)] = EXCHANGE
    """The exchange to which the relays publish."""
    console_bindings: Annotated[
        Mapping[str, frozenset[str]], NoDecode, BeforeValidator(_bindings)
    ] = {}
    """queue=type+type,...: what each queue has to be bound to. Of a queue that is not named, a
    binding is missing that was there since the console started.
    """
    console_broker_api: Address = None
    """http://user:password@host:15672: RabbitMQ's management API, which alone tells of bindings,
    limits and rates.
    """
    console_programs: Annotated[tuple[Program, ...], NoDecode, BeforeValidator(_programs)] = ()
    """name=http://host:port,...: the programs to be asked whether they can do their work, at
    /readyz.
    """
    console_trace_url: TraceAddress = None
    """http://host:16686: a Jaeger that shows a trace at /trace/ID; or an address with {trace} in
    it.
    """
    console_scenarios: Address = None
    """http://:token@127.0.0.1:port: who plays scenarios on the embedded stack, which sets it; on
    loopback alone.
    """
    console_password_hash: PasswordHash = None
    """The password of who may look and act, as `postbox console hash` makes it."""
    console_look_password_hash: PasswordHash = None
    """The password of who may only look."""
    console_trust_header: str | None = None
    """The header in which a reverse proxy names the user who is signed in there."""
    console_proxy: Network = None
    """That proxy's address or network: from anywhere else the header counts as nothing."""
    console_actors: Words = ()
    """The users, by the proxy's names, who may act; the others look. `*` is everybody."""
    console_https: bool = False
    """Whether browsers come over HTTPS: the session's cookie is then sent over that alone."""
    console_hide: Words = ()
    """Paths in events' data to mask, such as `customer.email`; `*` is any name or place in a
    list.
    """

    @property
    def has_sign_in(self) -> bool:
        """Whether somebody has to say who they are."""
        return bool(
            self.console_password_hash
            or self.console_look_password_hash
            or self.console_trust_header
        )

    @property
    def queues(self) -> tuple[str, ...]:
        """All queues that are named anywhere."""
        return tuple(dict.fromkeys((*self.console_queues, *self.console_bindings)))

    @property
    def proxy(self) -> IPv4Network | IPv6Network | None:
        found: IPv4Network | IPv6Network | None = self.console_proxy
        return found

    def check(self) -> None:
        """ConfigurationError where the settings together would leave a door open."""
        if self.console_trust_header and self.proxy is None:
            raise ConfigurationError(
                "CONSOLE_PROXY: not set: CONSOLE_TRUST_HEADER is believed from its address alone"
            )
        if not is_loopback(urlsplit(self.console_scenarios or f"//{LOOPBACK}").hostname or ""):
            raise ConfigurationError(
                "CONSOLE_SCENARIOS: scenarios kill programs, and are played on this machine's"
                " own stack alone: expected an address of loopback"
            )
        if not self.has_sign_in and not is_loopback(self.http_host):
            raise ConfigurationError(
                f"CONSOLE_PASSWORD_HASH: not set: without sign-in the console serves on loopback"
                f" alone, and HTTP_HOST is {self.http_host}"
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
