"""Services, the relay and the command line over TLS; what is wrong with it is said plainly."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import orjson
import pytest
from uuid_utils import uuid7

from postbox.errors import BrokerUnavailable, ConfigurationError
from postbox.mongo import connect
from postbox.rabbitmq import connected
from tests.cli.harness import Ran, postbox
from tests.eventually import eventually
from tests.tls.certificates import Authority, Certificate
from tests.tls.servers import Program, Servers, program

UNAVAILABLE = 3
SHORT = timedelta(seconds=3)
EXPIRED = "the server's certificate is not valid: certificate has expired"
OTHER_HOST = "the server's certificate is not valid for '127.0.0.1', the host that was asked for"
OTHER_AUTHORITY = "the server's certificate is not from a CA that we trust"


@asynccontextmanager
async def programs(directory: Path, *, mongo: str, rabbitmq: str) -> AsyncIterator[list[Program]]:
    """A service, and the relay of its outbox."""
    relay = {"RELAY_SOURCES": f"booking={mongo}", "RABBITMQ_URI": rabbitmq}
    async with (
        program("services.booking", directory, MONGO_URI=mongo, RABBITMQ_URI=rabbitmq) as service,
        program("relay", directory, **relay) as relayed,
    ):
        yield [service, relayed]


async def commands(mongo: str, rabbitmq: str) -> list[Ran]:
    """A command that asks MongoDB, and one that asks RabbitMQ."""
    variables = {"RELAY_SOURCES": f"booking={mongo}", "RABBITMQ_URI": rabbitmq}
    return list(
        await asyncio.gather(
            postbox("outbox", "list", **variables),
            postbox("dead", "list", "--queue", "booking.events", **variables),
        )
    )


async def test_everything_works_over_tls(servers: Servers, tmp_path: Path) -> None:
    mongo, rabbitmq = servers.mongo_uri(f"t{uuid7().hex}"), servers.rabbitmq_uri
    async with programs(tmp_path, mongo=mongo, rabbitmq=rabbitmq) as running:
        for one in running:
            await eventually(one.is_ready)
        assert '"booking":"streaming"' in (await running[1].ready())[1].replace(" ", "")
        for ran in await commands(mongo, rabbitmq):
            assert ran.code == 1, f"there is nothing to list: {ran.err}"


async def refused(authority: Authority, directory: Path, why: str) -> Certificate:
    """A certificate that is refused, or will be within SHORT; `why` says what for."""
    if why == OTHER_HOST:
        return authority.issue("elsewhere", host="DNS:elsewhere.example")
    if why == OTHER_AUTHORITY:
        return Authority(directory / "theirs").issue("theirs")
    return authority.issue("short", valid_for=SHORT)


@pytest.mark.fault(33, "a certificate that is refused")
@pytest.mark.parametrize("why", [EXPIRED, OTHER_HOST, OTHER_AUTHORITY])
async def test_a_certificate_that_is_refused_is_said_and_mended(
    servers: Servers, authority: Authority, good: Certificate, tmp_path: Path, why: str
) -> None:
    """Goal: /readyz, the log and a command say why, and programs go on by themselves.

    Method: one pair of programs reaches MongoDB by TLS, and another RabbitMQ.
    """
    certificate = await refused(authority, tmp_path, why)
    await servers.use(certificate)

    async def is_bad() -> bool:
        return why != EXPIRED or datetime.now(UTC) > certificate.not_after

    database = f"t{uuid7().hex}"
    plain, secure = servers.mongod.database(database), servers.mongo_uri(database)
    try:
        await eventually(is_bad)
        async with AsyncExitStack() as running:
            for_mongo = await running.enter_async_context(
                programs(tmp_path, mongo=secure, rabbitmq=servers.rabbitmq.uri)
            )
            for_rabbitmq = await running.enter_async_context(
                programs(tmp_path, mongo=plain, rabbitmq=servers.rabbitmq_uri)
            )
            for one in (*for_mongo, *for_rabbitmq):

                async def says(one: Program = one) -> bool:
                    assert await one.says(why), (await one.ready(), one.log.read_text()[-2000:])
                    return True

                await eventually(says)
            for ran in await commands(secure, servers.rabbitmq_uri):
                assert ran.code == UNAVAILABLE
                (line,) = ran.err.splitlines()
                assert why in line
                assert len(line) < 250
            await servers.use(good)
            for one in (*for_mongo, *for_rabbitmq):
                await eventually(one.is_ready)
    finally:
        await servers.use(good)


@pytest.mark.fault(33, "a certificate that is refused after it was accepted")
async def test_programs_at_work_say_it_when_they_connect_again(
    servers: Servers, authority: Authority, good: Certificate, tmp_path: Path
) -> None:
    """Method: both servers get another certificate, and end their connections."""
    uris = {"mongo": servers.mongo_uri(f"t{uuid7().hex}"), "rabbitmq": servers.rabbitmq_uri}
    async with programs(tmp_path, **uris) as running:
        for one in running:
            await eventually(one.is_ready)
        await servers.use(authority.issue("another", host="DNS:another.example"))
        try:
            await servers.mongod.restart()
            await servers.rabbitmq.ctl("close_all_connections", "renewed")

            async def service_says_both() -> bool:
                checks = orjson.loads((await running[0].ready())[1])["checks"]
                return all(OTHER_HOST in checks[part] for part in ("database", "broker"))

            await eventually(service_says_both)
            for one in running:
                await eventually(partial(one.says, OTHER_HOST))
        finally:
            await servers.use(good)
        for one in running:
            await eventually(one.is_ready)


async def test_a_server_without_tls_is_said(servers: Servers) -> None:
    uri = servers.rabbitmq.uri.replace("amqp://", "amqps://")
    with pytest.raises(BrokerUnavailable, match="the server does not speak TLS at this port"):
        async with connected(uri, name="tests"):
            pass


@pytest.mark.parametrize(
    ("text", "why"), [(None, "No such file"), ("no certificate", "has no certificate in it")]
)
async def test_a_file_that_is_no_certificate_is_said(
    servers: Servers, tmp_path: Path, text: str | None, why: str
) -> None:
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigurationError, match=f"^MONGO_URI: tlsCAFile .*{why}"):
        connect(f"{servers.mongod.uri}&tls=true&tlsCAFile={path}", application="tests")
    uri = f"{servers.rabbitmq_uri.partition('?')[0]}?cafile={path}"
    with pytest.raises(BrokerUnavailable, match=f"connecting to RabbitMQ: .*{why}"):
        async with connected(uri, name="tests"):
            pass
