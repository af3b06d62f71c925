"""The program: `serve`, which is the default, and `hash`, which makes a password's hash."""

import asyncio
import getpass
import ssl
import sys
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Final
from urllib.parse import unquote

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from postbox.console.application import application
from postbox.console.audit.log import AuditLog
from postbox.console.audit.pages import Audit
from postbox.console.events.again import SendAgain
from postbox.console.events.pages import Events
from postbox.console.flow.pages import Flow
from postbox.console.map.pages import Map
from postbox.console.masking import Masking
from postbox.console.overview.broker import BrokerWatch
from postbox.console.overview.management import Management
from postbox.console.overview.pages import Overview
from postbox.console.overview.programs import Programs
from postbox.console.overview.watch import Watch
from postbox.console.pages import Pages
from postbox.console.scenarios.pages import Scenarios
from postbox.console.scenarios.player import Player
from postbox.console.scenarios.plays import Plays
from postbox.console.security.access import Access
from postbox.console.security.passwords import hash_password
from postbox.console.security.sign_in import SignIn
from postbox.console.set_aside.jobs import Jobs
from postbox.console.set_aside.pages import SetAside
from postbox.console.set_aside.places import Places
from postbox.console.settings import ConsoleSettings
from postbox.console.sources import opened, opened_own
from postbox.runtime import Health, until_stopped
from postbox.service import load, operational_routes, read_arguments, run, serve

NAME: Final = "postbox.console"
HASH: Final = "hash"
DEFAULT_HOST: Final = "/"
"""The virtual host of a URI that names none."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point of `python -m postbox.console` and `postbox console`."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given == [HASH]:
        print(hash_password(_password()))
        return
    commands = {HASH: "ask for a password, and print what goes into CONSOLE_PASSWORD_HASH"}
    read_arguments(NAME, ConsoleSettings, commands=commands, arguments=given)
    run("console", _main)


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return getpass.getpass("password: ")


async def _main(stop: asyncio.Event) -> None:
    settings = load(ConsoleSettings)
    settings.check()
    async with AsyncExitStack() as during:
        console = Console(settings, stop)
        await console.open(during)
        await until_stopped(
            stop,
            serve(console.app, settings.console_port, stop, host=settings.http_host),
            *console.runs(),
        )


def _http() -> httpx.AsyncClient:
    """For programs and the broker's API, which are never asked through a proxy."""
    return httpx.AsyncClient(verify=ssl.create_default_context(), trust_env=False)


def _broker(settings: ConsoleSettings, http: httpx.AsyncClient) -> BrokerWatch:
    uri, api = settings.rabbitmq_uri, settings.console_broker_api
    virtual_host = unquote((uri.path or "").removeprefix("/")) or DEFAULT_HOST
    return BrokerWatch(
        str(uri),
        None if api is None else Management(api, virtual_host, http),
        exchange=settings.console_exchange,
        queues=settings.queues,
        bindings=settings.console_bindings,
    )


class Console:
    """All parts, put together by the settings."""

    def __init__(self, settings: ConsoleSettings, stop: asyncio.Event) -> None:
        self._settings = settings
        self._stop = stop
        self._plays: list[Plays] = []

    async def open(self, during: AsyncExitStack) -> None:
        """Make all parts; what they hold is closed with `during`."""
        settings = self._settings
        sources = await during.enter_async_context(opened(settings.console_sources))
        own = await during.enter_async_context(opened_own(settings.mongo_uri))
        http = await during.enter_async_context(_http())
        self._watch = Watch(
            sources, _broker(settings, http), Programs(settings.console_programs, http)
        )
        access = Access(settings)
        pages = Pages(
            access.sessions.token,
            settings.console_trace_url,
            has_scenarios=settings.console_scenarios is not None,
        )
        mask = Masking(settings.console_hide)
        places = Places(
            sources,
            str(settings.rabbitmq_uri),
            queues=settings.queues,
            exchange=settings.console_exchange,
        )
        audit = None if own is None else AuditLog(own)
        self._jobs = Jobs(places, audit)
        flow = Flow(sources, pages)
        routes = [
            *operational_routes(Health()),
            *SignIn(settings, access, pages).routes,
            *Overview(self._watch, pages, self._stop).routes,
            *Map(
                self._watch,
                audit,
                uri=str(settings.rabbitmq_uri),
                exchange=settings.console_exchange,
                sessions=access.sessions,
                pages=pages,
            ).routes,
            *Events(sources, audit, mask, pages).routes,
            *SendAgain(sources, places, audit, access.sessions, pages).routes,
            *flow.routes,
            *self._scenarios(http, audit, flow, access, pages),
            *SetAside(
                places, self._jobs, audit, mask, sessions=access.sessions, pages=pages
            ).routes,
            *Audit(audit, self._jobs, self._plays, sessions=access.sessions, pages=pages).routes,
        ]
        self.app: Starlette = application(routes, access=access, pages=pages)

    def runs(self) -> list[Coroutine[None, None, None]]:
        """What it does beside serving pages, until it is to stop."""
        plays = [one.run(self._stop) for one in self._plays]
        return [self._watch.run(self._stop), self._jobs.run(self._stop), *plays]

    def _scenarios(
        self,
        http: httpx.AsyncClient,
        audit: AuditLog | None,
        flow: Flow,
        access: Access,
        pages: Pages,
    ) -> list[Route]:
        """Their pages, on a stack that has who plays them."""
        if self._settings.console_scenarios is None:
            return []
        player = Player(self._settings.console_scenarios, http)
        plays = None if audit is None else Plays(player, audit)
        self._plays = [] if plays is None else [plays]
        return Scenarios(player, plays, flow, sessions=access.sessions, pages=pages).routes
