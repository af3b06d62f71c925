"""What an event costs as its subject gets more of them: it must stay flat.

Payments of one booking that failed, each refused by the booking service and shown by the gateway.
Both services' own handlers apply them here, in batches, without a broker. The cost is the CPU of
this process and of MongoDB.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from statistics import median
from typing import Final

from opentelemetry.context import Context

from bench.process import CpuMeter
from bench.report.statistics import growth
from bench.workbench import Figures, Workbench
from contracts.events import BookingCancelRequested, BookingIntentCreated, Event, PaymentCaptured
from postbox.events import Event as Envelope
from postbox.events import Message, new_id
from postbox.inbox import Apply, Handler, Inbox
from postbox.mongo import Database, DatabaseClock, ensure_collections
from postbox.outbox import Outbox
from services.booking.work import Handle, Timeouts
from services.gateway.intake import Intake
from services.gateway.projection import Project

INTENT_ID: Final = "many"
BATCH: Final = 16
FILL_BATCH: Final = 128
ROUNDS: Final = 5
BATCHES_A_ROUND: Final = 2
HOUR_MS: Final = 3_600_000
PRICE: Final = {"amount": 1_000, "currency": "USD"}
SERVICES: Final = ("booking", "gateway")


async def measure(bench: Workbench) -> Figures:
    """`subject.<service>_<n>.cpu_us_per_event`: the next events of a subject that had n."""
    figures: Figures = {}
    ratios = []
    for service in SERVICES:
        costs = [await _cost(bench, service, size) for size in bench.scale.subject_events]
        for size, cost_us in zip(bench.scale.subject_events, costs, strict=True):
            figures[f"subject.{service}_{size}.cpu_us_per_event"] = cost_us
        ratios.append(growth(costs))
    return {**figures, "subject.ratio": max(ratios)}


async def _cost(bench: Workbench, service: str, size: int) -> float:
    """Microseconds of CPU an event: the middle one of a few rounds."""
    bench.say(f"subject: the {service} service, {size:,} events of one booking, then more")
    database = bench.client[f"bench_{service}_{size}_{new_id()}"]
    try:
        apply, events = await _prepared(database, service), _events()
        for start in range(0, size, FILL_BATCH):
            await apply([next(events) for _ in range(min(FILL_BATCH, size - start))])
        costs_us = []
        for _ in range(ROUNDS):
            batches = [[next(events) for _ in range(BATCH)] for _ in range(BATCHES_A_ROUND)]
            meter = CpuMeter(bench.pids("mongo"))
            for batch in batches:
                await apply(batch)
            spent_s = sum(meter.spent_s().values()) + meter.own_s()
            costs_us.append(spent_s / (BATCH * BATCHES_A_ROUND) * 1e6)
        return median(costs_us)
    finally:
        await bench.client.drop_database(database.name)


async def _prepared(
    database: Database, service: str
) -> Callable[[Sequence[Message[Event]]], Awaitable[object]]:
    """What applies a batch, in a fresh database where the booking has failed already."""
    clock = DatabaseClock(database.client)
    inbox, outbox = Inbox(database, consumer="bench"), Outbox(database, source="/bench")
    await inbox.prepare()
    await outbox.prepare()
    handler: Handler[Event]
    if service == "booking":
        await clock.sync()
        await ensure_collections(database, "bookings", "refused_payments", "slots")
        handler = Handle(database, clock, Timeouts(payment_ms=HOUR_MS, intent_ms=HOUR_MS))
    else:
        await Intake.prepare(database)
        handler = Project(database)
    apply = Apply(database.client, inbox, outbox, handler)
    about = {"intent_id": INTENT_ID}
    created = BookingIntentCreated.model_validate(
        {**about, **PRICE, "user_id": "ada", "created_at": datetime.now(UTC)}
    )
    cancelled = BookingCancelRequested.model_validate({**about, "requested_by": "ada"})
    await apply([_message(created), _message(cancelled)])
    return apply


def _events() -> Iterator[Message[Event]]:
    for number in count():
        yield _message(
            PaymentCaptured.model_validate(
                {"intent_id": INTENT_ID, **PRICE, "user_id": "ada", "payment_id": f"p{number}"}
            )
        )


def _message(fact: Event) -> Message[Event]:
    envelope = Envelope(
        id=new_id(),
        type=fact.TYPE,
        subject=fact.subject,
        source=fact.SOURCE,
        time=datetime.now(UTC),
        data=fact.data(),
    )
    return Message(envelope, fact, Context())
