"""The gateway, put together."""

import asyncio

from starlette.middleware import Middleware

from contracts.events import Event
from contracts.events import decode as decode_data
from contracts.topology import EXCHANGE, QUEUES
from postbox.errors import InvalidMessage
from postbox.events import Event as Envelope
from postbox.mongo import Database
from postbox.rabbitmq import Topology
from postbox.service import HttpLimits, Service, load
from services.gateway.access.caller import Access, Open
from services.gateway.access.keys import KeySet
from services.gateway.access.rates import Limited, RateLimitHeaders, Rates
from services.gateway.access.streams import Streams
from services.gateway.access.tokens import Tokens
from services.gateway.browsers import for_browsers
from services.gateway.http import GatewayApi
from services.gateway.intake import Intake
from services.gateway.problems import PROBLEMS
from services.gateway.projection import Project
from services.gateway.reading.http import ReadingApi
from services.gateway.reading.lists import Lists
from services.gateway.settings import Auth, GatewaySettings
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
    intake = Intake(service.database, service.outbox, service.clock)
    access = await _access(service, settings)
    streams = Streams(per_caller_max=settings.gateway_caller_streams)
    api = GatewayApi(service, intake, access)
    reading = ReadingApi(service, watch, access, streams)
    closing = asyncio.create_task(_close(watch, stop))
    try:
        await service.run(
            stop,
            host=settings.http_host,
            port=settings.gateway_port,
            routes=[*api.routes, *reading.routes],
            middleware=[*for_browsers(settings.cors_origins), Middleware(RateLimitHeaders)],
            problems=PROBLEMS,
            limits=HttpLimits(connections_max=settings.gateway_connections_max),
            trusted_proxies=settings.trusted_proxies,
            prepare=_prepare,
        )
    finally:
        closing.cancel()


async def _prepare(database: Database) -> None:
    await Intake.prepare(database)
    await Lists.prepare(database)


async def _access(service: Service, settings: GatewaySettings) -> Access:
    access: Access
    if settings.gateway_auth is Auth.NONE:
        by_address_alone = not settings.gateway_auth_none_anywhere
        access = Open(settings.cors_origins, by_address_alone=by_address_alone)
    else:
        access = await _tokens(service, settings)
    if settings.gateway_caller_rate is None:
        return access
    burst = settings.gateway_caller_burst
    return Limited(access, Rates(per_s=settings.gateway_caller_rate, burst=burst))


async def _tokens(service: Service, settings: GatewaySettings) -> Tokens:
    location, issuer, audience = settings.jwt_jwks, settings.jwt_issuer, settings.jwt_audience
    assert location is not None
    assert issuer is not None
    assert audience is not None
    keys = KeySet(location, service.health)
    await keys.prepare()
    service.also(keys.run)
    return Tokens(keys, issuer=issuer, audience=audience)


async def _close(watch: Watch, stop: asyncio.Event) -> None:
    """End the streams at once when we are asked to stop: no client of theirs would end them."""
    await stop.wait()
    watch.close()


def _decode(envelope: Envelope) -> Event:
    if envelope.time is None:
        raise InvalidMessage(f"{envelope.type}: it has no 'time', which the timeline needs")
    return decode_data(envelope.type, envelope.data)
