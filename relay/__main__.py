"""`python -m relay`: relays all sources of RELAY_SOURCES until it is stopped."""

import asyncio

from postbox.extras import required_by_program

with required_by_program("relay"):
    from postbox.runtime import until_stopped
    from postbox.service import application, load, operational_routes, read_arguments, run, serve
    from relay.relay import Relay
    from relay.settings import RelaySettings
    from relay.state import RelayHealth


async def main(stop: asyncio.Event) -> None:
    settings = load(RelaySettings)
    health = RelayHealth()
    relays = [
        Relay(
            source,
            str(settings.rabbitmq_uri),
            health=health,
            shards=settings.shards,
            exchange=settings.relay_exchange,
            mode=settings.content_mode,
            declare=settings.relay_declare,
            fields=settings.fields,
            options=settings.options,
        )
        for source in settings.relay_sources
    ]
    app = application(operational_routes(health))
    await until_stopped(
        stop,
        serve(app, settings.relay_port, stop, host=settings.http_host),
        *(relay.run(stop) for relay in relays),
    )


if __name__ == "__main__":
    read_arguments(
        "relay", RelaySettings, options={"--shard": "RELAY_SHARD", "--shards": "RELAY_SHARDS"}
    )
    run("relay", main)
