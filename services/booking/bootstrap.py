"""The booking service, put together."""

import asyncio

from contracts.events import Event
from contracts.events import decode as decode_data
from contracts.topology import EXCHANGE, QUEUES
from postbox.events import Event as Envelope
from postbox.mongo import Database, ensure_collections
from postbox.rabbitmq import Topology
from postbox.service import Service, load
from services.booking import metrics
from services.booking.deadlines import Sweeper
from services.booking.settings import BookingSettings
from services.booking.work import Handle, Timeouts


async def main(stop: asyncio.Event) -> None:
    """Run until `stop` is set."""
    settings = load(BookingSettings)
    metrics.begin()
    timeouts = Timeouts(
        payment_ms=int(settings.payment_timeout_s * 1000),
        intent_ms=int(settings.intent_timeout_s * 1000),
    )
    topology = Topology(exchange=EXCHANGE, queues=QUEUES)
    service = Service.configured("booking", settings, topology=topology)
    consumer = service.consume(
        "booking.events",
        decode=_decode,
        handler=Handle(service.database, service.clock, timeouts),
        applied=metrics.judged,
        decision_attribute="booking.decision",
    )
    sweeper = Sweeper(service.database, service.outbox, service.clock, timeouts)
    service.also(lambda stop: sweeper.run(stop, lambda: consumer.is_caught_up))
    await service.run(
        stop,
        host=settings.http_host,
        port=settings.booking_port,
        routes=[],
        prepare=_prepare,
    )


async def _prepare(database: Database) -> None:
    await ensure_collections(database, "bookings", "refused_payments", "slots")
    await Sweeper.prepare(database)


def _decode(envelope: Envelope) -> Event:
    return decode_data(envelope.type, envelope.data)
