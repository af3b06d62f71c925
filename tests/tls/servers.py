"""A mongod and a RabbitMQ that speak TLS, and the programs that connect to them."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import orjson

from postbox.mongo import connect
from stack.servers.mongod import Mongod
from stack.servers.ports import LOOPBACK, free_port
from stack.servers.rabbitmq import RabbitMQ
from stack.supervision.process import ROOT
from tests.tls.certificates import Certificate

STOP_LIMIT_S: Final = 20.0


class Servers:
    """Both take TLS connections; mongod takes others too, at the same port."""

    def __init__(self, directory: Path, *, ca: Path, certificate: Certificate) -> None:
        self._directory = directory
        self._ca = ca
        self._write(certificate)
        self._amqps_port = free_port()
        self.mongod = Mongod(
            directory / "mongod",
            arguments=(
                *("--tlsMode", "allowTLS", "--tlsCAFile", str(ca)),
                *("--tlsCertificateKeyFile", str(directory / "both.pem")),
                "--tlsAllowConnectionsWithoutCertificates",
            ),
        )
        self.rabbitmq = RabbitMQ(
            directory / "rabbitmq",
            configuration=f"listeners.ssl.1 = {LOOPBACK}:{self._amqps_port}\n"
            f"ssl_options.certfile = {directory / 'server.pem'}\n"
            f"ssl_options.keyfile = {directory / 'server.key'}\n"
            "ssl_options.verify = verify_none\n",
        )

    def mongo_uri(self, database: str) -> str:
        return f"{self.mongod.database(database)}&tls=true&tlsCAFile={self._ca}"

    @property
    def rabbitmq_uri(self) -> str:
        return f"amqps://guest:guest@{LOOPBACK}:{self._amqps_port}/?cafile={self._ca}"

    async def use(self, certificate: Certificate) -> None:
        """Show this certificate to whoever connects from now on."""
        self._write(certificate)
        async with connect(self.mongod.uri, application="tests") as client:
            await client.admin.command("rotateCertificates")
        await self.rabbitmq.ctl("eval", "ssl:clear_pem_cache().")

    def _write(self, certificate: Certificate) -> None:
        (self._directory / "both.pem").write_text(certificate.both)
        (self._directory / "server.pem").write_bytes(certificate.certificate.read_bytes())
        (self._directory / "server.key").write_bytes(certificate.key.read_bytes())


@dataclass(frozen=True)
class Program:
    """A program of ours in a process of its own."""

    port: int
    log: Path

    async def ready(self) -> tuple[int, str]:
        """The status code and the body of /readyz; 0 while nobody answers."""
        try:
            async with httpx.AsyncClient(trust_env=False) as http:
                reply = await http.get(f"http://{LOOPBACK}:{self.port}/readyz")
        except httpx.TransportError:
            return 0, ""
        return reply.status_code, reply.text

    async def is_ready(self) -> bool:
        return (await self.ready())[0] == httpx.codes.OK

    async def says(self, words: str) -> bool:
        """Whether /readyz says so, and one line of the log."""
        code, text = await self.ready()
        lines = [orjson.loads(line) for line in self.log.read_bytes().splitlines()]
        return (
            code == httpx.codes.SERVICE_UNAVAILABLE
            and words in text
            and any(words in line.get("reason", "") for line in lines)
        )


@asynccontextmanager
async def program(module: str, directory: Path, **variables: str) -> AsyncIterator[Program]:
    """`python -m module`; it is asked to stop at the end."""
    port = free_port()
    log = directory / f"{module}-{port}.log"
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module),
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                f"{module.rpartition('.')[2].upper()}_PORT": str(port),
                **variables,
            },
            stdout=stderr,
            stderr=stderr,
        )
    try:
        yield Program(port, log)
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_LIMIT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
