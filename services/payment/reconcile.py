"""`python -m services.payment reconcile`: what the provider knows, and what is known here.

It prints what differs and exits with 1 where anything does, with 2 where it could not compare.
`--repair` takes in what is unknown here, exactly as its webhook would have been.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from time import monotonic
from typing import Any, Final

import structlog

from contracts import rfc3339
from postbox.errors import ConfigurationError, TryAgain
from postbox.mongo import DatabaseClock, connect, own_database
from postbox.outbox import Outbox
from postbox.service import MongoUri, load
from services.payment.provider.choice import open_provider
from services.payment.provider.comparison import Comparison, Difference
from services.payment.provider.port import Unanswered
from services.payment.provider.settings import ProviderSettings
from services.payment.rules.core import Outcome
from services.payment.webhook.intake import Intake
from services.payment.work import Ledger

NAME: Final = "reconcile"
ABOUT: Final = "Compare with the provider's list, and say what differs (see reconcile --help)."
SAME, DIFFERS, FAILED = 0, 1, 2
PROGRESS_EVERY_S: Final = 1.0


class ReconcileSettings(ProviderSettings):
    """What is compared."""

    mongo_uri: MongoUri
    """mongodb://host/database: the payment service's own database is in its path."""


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    asked = _parser().parse_args(arguments)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        return asyncio.run(_compare(load(ReconcileSettings), asked))
    except ConfigurationError as error:
        print(f"payment: {error}", file=sys.stderr)
    except (TryAgain, Unanswered) as error:
        print(f"cannot compare: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m services.payment {NAME}",
        description="Compare the provider's charges, refunds and disputes with the payments here,"
        " both ways. Exits with 1 where anything differs, with 2 where it could not compare.",
        epilog="environment variables: MONGO_URI, and as the service has them PAYMENT_PROVIDER,"
        " PROVIDER_URL, STRIPE_API_KEY, STRIPE_BASE_ADDRESS",
    )
    parser.add_argument(
        "--since", type=_time, metavar="T", help="only what is newer, such as 2026-01-31T10:15:00Z"
    )
    parser.add_argument(
        "--repair", action="store_true", help="take in what is unknown here, as its webhook would"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")
    return parser


def _time(text: str) -> datetime:
    try:
        return rfc3339.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


async def _compare(settings: ReconcileSettings, asked: argparse.Namespace) -> int:
    provider = open_provider(settings)
    client = connect(settings.mongo_uri, application="payment reconcile")
    database, clock = own_database(client), DatabaseClock(client)
    try:
        await clock.sync()
        outbox = Outbox(database, source="/services/payment", clock=clock)
        intake = Intake(database, Ledger(database, outbox), clock)
        comparison = Comparison(provider, database, since=asked.since, looked=_progress())
        found: list[dict[str, Any]] = []
        counted = 0
        async for one in comparison.differences():
            counted += 1
            entry = one.to_json()
            if asked.repair:
                entry["repaired"] = await _repair(intake, one)
            if asked.json:
                found.append(entry)
            else:
                print(f"{one}{_repaired(entry)}", flush=True)
        compared = dict(comparison.compared)
        if asked.json:
            print(json.dumps({"compared": compared, "differences": found}))
        else:
            words = ", ".join(f"{count} {kind}s" for kind, count in compared.items()) or "nothing"
            print(f"compared {words}: {counted or 'none'} differ")
        return DIFFERS if counted else SAME
    finally:
        await client.close()
        await provider.close()


async def _repair(intake: Intake, one: Difference) -> bool:
    if not one.body:
        return False
    return await intake.take(one.body, by=NAME) not in (None, Outcome.ALARM)


def _repaired(entry: dict[str, Any]) -> str:
    if "repaired" not in entry:
        return ""
    return " (taken in)" if entry["repaired"] else " (cannot be repaired: look at it)"


def _progress() -> Callable[[int], None]:
    """Says how far it is, on a terminal, now and then."""
    next_at_s = 0.0

    def looked(count: int) -> None:
        nonlocal next_at_s
        if sys.stderr.isatty() and monotonic() >= next_at_s:
            next_at_s = monotonic() + PROGRESS_EVERY_S
            print(f"compared {count:,} ...", file=sys.stderr, flush=True)

    return looked
