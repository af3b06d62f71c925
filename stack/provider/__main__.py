"""`python -m stack.provider`: runs in the foreground until SIGTERM or Ctrl-C, then exits 0."""

import signal
import sqlite3
import sys
from contextlib import closing
from types import FrameType

import typer
import uvicorn
from starlette.applications import Starlette

from stack.provider.app import Api
from stack.provider.connection import Connection
from stack.provider.database import open_database
from stack.provider.execution import Executor
from stack.provider.faults import Faults
from stack.provider.ledger import Ledger
from stack.provider.operations import Operations
from stack.provider.settings import OPTIONAL, VARIABLES, InvalidSettingError, Settings
from stack.provider.stripe.app import StripeApi
from stack.provider.stripe.events import StripeAnnouncements, StripeSigner
from stack.provider.stripe.operations import StripeOperations
from stack.provider.stripe.rows import Rows
from stack.provider.webhooks import (
    Announcements,
    Dispatcher,
    Endpoint,
    PendingWebhooks,
    Signer,
    StandardAnnouncements,
    StandardSigner,
)

KEEP_ALIVE_S = 60
"""Longer than clients keep an idle connection, so that they never write to one just closed."""
SHUTDOWN_S_MAX = 1
"""For requests that are still at work; what they committed is in the ledger."""

EPILOG = "Environment: " + "; ".join(
    f"{name} ({what})" for name, what in {**VARIABLES, **OPTIONAL}.items()
)


def main() -> None:
    try:
        settings = Settings.from_environment()
        connection = open_database(settings.database)
    except InvalidSettingError as error:
        sys.exit(f"provider: {error}")
    except sqlite3.Error as error:
        sys.exit(f"provider: PROVIDER_DB cannot be used: {error}")
    # uvicorn stops in good order, then raises the signal again: that must not kill us.
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGINT, _exit)
    with closing(connection):
        _serve(settings, connection)


def _exit(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _serve(settings: Settings, connection: sqlite3.Connection) -> None:
    uvicorn.run(
        _application(settings, connection),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=Connection,
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S_MAX,
    )


def _application(settings: Settings, connection: sqlite3.Connection) -> Starlette:
    ledger, pending = Ledger(connection), PendingWebhooks(connection)
    executor, faults = Executor(connection, ledger), Faults()
    announcements: Announcements = StandardAnnouncements(ledger, pending)
    signer: Signer = StandardSigner(settings.webhook_secret)
    doors = []
    if settings.stripe is not None:
        rows = Rows(connection)
        announcements = told = StripeAnnouncements(ledger, rows, pending)
        signer = StripeSigner(settings.stripe.webhook_secret)
        door = StripeApi(
            api_key=settings.stripe.api_key,
            rows=rows,
            operations=StripeOperations(ledger, rows, executor, told),
            executor=executor,
            faults=faults,
        )
        doors.append(door.route())
    dispatcher = Dispatcher(pending, Endpoint(settings.webhook_url), signer)
    operations = Operations(connection, ledger, executor, announcements)
    return Api(
        ledger, pending, operations, dispatcher, executor, faults, other_doors=doors
    ).application()


def cli() -> None:
    app = typer.Typer(add_completion=False)
    app.command(help="Run the payment provider simulator.", epilog=EPILOG)(main)
    app(prog_name="python -m stack.provider")


if __name__ == "__main__":
    cli()
