"""A receiver of OTLP over HTTP in a process of its own, so that it disturbs nothing but by its CPU.

`python -m bench.relay.collector` prints its port, then for each line that it reads how many events
were recorded as sent since the last one. Only then does it decode what it received. It ends when
its input does: it cannot outlive the bench.
"""

import asyncio
import sys
from types import TracebackType
from typing import Final, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bench.errors import BenchFailed
from scenarios.tracing.otlp import OtlpServer
from stack.servers.ports import LOOPBACK

PRODUCER: Final = Span.SPAN_KIND_PRODUCER
START_LIMIT_S: Final = 10.0
END_LIMIT_S: Final = 5.0


class Collector:
    """The process, for as long as it is entered."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._port = 0

    @property
    def environment(self) -> dict[str, str]:
        """The standard variables that make a program export here."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{LOOPBACK}:{self._port}"}

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def spans(self) -> int:
        """How many events were recorded as sent since this was asked the last time."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return await self._number()

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.relay.collector"), stdin=pipe, stdout=pipe
        )
        self._port = await self._number()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(END_LIMIT_S):
            await self._process.wait()

    async def _number(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(START_LIMIT_S):
            line = await self._process.stdout.readline()
        if not line:
            raise BenchFailed("the receiver of spans has ended")
        return int(line)


class _Kept:
    """Bodies of exports, which are looked into when they are counted."""

    def __init__(self) -> None:
        self._bodies: list[bytes] = []

    def take(self, body: bytes) -> None:
        self._bodies.append(body)

    def counted(self) -> int:
        """How many there are of events being sent; then they are forgotten."""
        exports = map(ExportTraceServiceRequest.FromString, self._bodies)
        scopes = (
            one for export in exports for of in export.resource_spans for one in of.scope_spans
        )
        count = sum(span.kind is PRODUCER for one in scopes for span in one.spans)
        self._bodies.clear()
        return count


async def _collect() -> None:
    kept = _Kept()
    async with OtlpServer(traces=kept.take, metrics=lambda body: None) as server:
        print(server.port, flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(kept.counted(), flush=True)


if __name__ == "__main__":
    asyncio.run(_collect())
