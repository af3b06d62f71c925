"""`python -m deploy.setup.rabbitmq`: the broker's users, what each may do, and the topology.

It can be run again. What a permission means: *configure* is needed to declare, also what exists;
*write* to publish to an exchange and to bind a queue; *read* to consume from a queue and to bind to
an exchange. Every service declares the whole topology, so it may declare and bind all of it; but it
can consume from its own queues alone, and publish to no exchange but the one of dead letters (that
a queue's name and an exchange's may match the same pattern is why no queue is named `events`). The
relay can publish, and consume nothing but what found no queue. The console can declare nothing; it
can look at what was set aside, send it again, bind a queue, and ask the management API.
"""

import asyncio
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final

import aio_pika
import httpx

from contracts.topology import EXCHANGE, QUEUES
from deploy.setup.passwords import ADMINISTRATOR, CONSOLE, RELAY, SERVICES, password
from postbox.rabbitmq import Topology

LIMIT_S: Final = 90.0
POLL_S: Final = 0.3
REQUEST_LIMIT_S: Final = 5.0
DEFAULT_EXCHANGE: Final = "amq.default"
NOTHING: Final = "^$"
TOPOLOGY: Final = Topology(exchange=EXCHANGE, queues=QUEUES)


async def main() -> None:
    host = os.environ.get("RABBITMQ_HOST", "rabbitmq")
    login = (ADMINISTRATOR, password(ADMINISTRATOR))
    api = httpx.AsyncClient(
        base_url=f"http://{host}:15672/api", auth=login, timeout=REQUEST_LIMIT_S, trust_env=False
    )
    async with api:
        await _until_it_answers(api)
        await users(api, (*SERVICES, RELAY, CONSOLE))
    # Declared by one who may do all: a service alone could not make what it may not read.
    uri = f"amqp://{login[0]}:{login[1]}@{host}/"
    async with await aio_pika.connect(uri, timeout=REQUEST_LIMIT_S) as connection:
        await TOPOLOGY.declare(await connection.channel())
    print("RabbitMQ is set up", flush=True)


async def users(api: httpx.AsyncClient, names: Sequence[str]) -> None:
    """Those of programs, and what each may do, brought to what they should be."""
    for user in names:
        tags = "management" if user == CONSOLE else ""
        await _put(api, f"/users/{user}", {"password": password(user), "tags": tags})
        await _put(api, f"/permissions/%2F/{user}", permissions(user))


def permissions(user: str) -> Mapping[str, str]:
    """As RabbitMQ wants them: three patterns that a resource's whole name has to match."""
    if user == RELAY:
        own = _pattern(EXCHANGE, TOPOLOGY.unrouted)
        return {"configure": own, "write": own, "read": own}
    queues = [name for queue in QUEUES for name in (queue, f"{queue}.dead")]
    if user == CONSOLE:
        return {
            "configure": NOTHING,
            "write": _pattern(DEFAULT_EXCHANGE, EXCHANGE, *QUEUES),
            "read": _pattern(EXCHANGE, *TOPOLOGY.for_people),
        }
    own_queues = [name for name in queues if name.startswith(f"{user}.")]
    exchanges = (EXCHANGE, TOPOLOGY.unrouted, TOPOLOGY.dead)
    return {
        "configure": _pattern(*exchanges, *queues),
        "write": _pattern(TOPOLOGY.unrouted, TOPOLOGY.dead, *queues),
        "read": _pattern(*exchanges, *own_queues),
    }


def _pattern(*names: str) -> str:
    return f"^({'|'.join(re.escape(name) for name in names)})$"


async def _until_it_answers(api: httpx.AsyncClient) -> None:
    until = time.monotonic() + LIMIT_S
    while True:
        try:
            reply = await api.get("/whoami")
        except httpx.HTTPError as error:
            said = repr(error)
        else:
            if reply.is_success:
                return
            said = reply.text
        if time.monotonic() > until:
            sys.exit(f"setup: RabbitMQ does not answer: {said}")
        await asyncio.sleep(POLL_S)


async def _put(api: httpx.AsyncClient, path: str, body: Mapping[str, str]) -> None:
    reply = await api.put(path, json=body)
    if not reply.is_success:
        sys.exit(f"setup: RabbitMQ answered PUT {path} {reply.status_code}: {reply.text}")


if __name__ == "__main__":
    asyncio.run(main())
