"""The relay's program, relaying the bench's outbox alone: the stack's own, started otherwise."""

import signal
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from bench.errors import BenchFailed
from bench.relay.event import measured
from bench.relay.source import Source
from bench.workbench import Workbench, until

NAME: Final = "relay"
READY_LIMIT_S: Final = 30.0


class RelayProcess:
    """Held when it is not measured, so that it takes no time from what is."""

    def __init__(self, bench: Workbench, database: str = "bench") -> None:
        self._stack = bench.stack
        self._environment = {"RELAY_SOURCES": f"bench={bench.database_uri(database)}"}

    async def start(self) -> None:
        """Start it, and return when it is ready."""
        await self._stack.release(NAME, self._environment)

    async def start_soon(self, environment: Mapping[str, str] | None = None) -> None:
        """Start it, with more variables where they are given; it may not be ready yet."""
        given = {**self._environment, **(environment or {})}
        await self._stack.release(NAME, given, wait=False)

    async def stop(self) -> None:
        """SIGTERM: it drains, saves its token and releases its lease."""
        await self._stack.hold(NAME, signal.SIGTERM)

    @property
    def pid(self) -> int:
        """BenchFailed where it does not run."""
        pid = self._stack.info.pid(NAME)
        if pid is None:
            raise BenchFailed("the relay does not run")
        return pid

    async def stream_once(self, source: Source) -> None:
        """Have it publish one row and stop, so that it starts from a token the next time."""
        await self.start()
        (row,) = await source.commit([measured(0)])
        await source.all_marked(row["_id"], limit_s=READY_LIMIT_S)
        checkpoints = source.database["relay_checkpoint"]

        async def has_token() -> bool:
            return await checkpoints.find_one({"token": {"$type": "object"}}) is not None

        await until(has_token, "the relay to save a token", limit_s=READY_LIMIT_S)
        await self.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()
