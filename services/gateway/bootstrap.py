"""The gateway, put together."""

import asyncio

from contracts.events import Event
from contracts.events import decode as decode_data
from contracts.topology import EXCHANGE, QUEUES
from postbox.events import Event as Envelope
from postbox.rabbitmq import Topology
from postbox.service import Service, load
from services.gateway.http import GatewayApi
from services.gateway.intake import Intake
from services.gateway.projection import Project
from services.gateway.settings import GatewaySettings
from services.gateway.streams import Watch


async def main(stop: asyncio.Event) -> None:
    """Run until `stop` is set."""
    settings = load(GatewaySettings)
    topology = Topology(exchange=EXCHANGE, queues=QUEUES)
    service = Service.configured("gateway", settings, topology=topology)
    service.consume(
        "gateway.events",
        decode=_decode,
        handler=Project(service.database),
        decision_attribute="booking.decision",
    )
    watch = Watch(service.database)
    api = GatewayApi(service, Intake(service.database, service.outbox, service.clock), watch)
    closing = asyncio.create_task(_close(watch, stop))
    try:
        await service.run(
            stop,
            host=settings.http_host,
            port=settings.gateway_port,
            routes=api.routes,
            prepare=Intake.prepare,
        )
    finally:
        closing.cancel()


async def _close(watch: Watch, stop: asyncio.Event) -> None:
    """End the streams at once when we are asked to stop: no client of theirs would end them."""
    await stop.wait()
    watch.close()


def _decode(envelope: Envelope) -> Event:
    return decode_data(envelope.type, envelope.data)
