"""Group commit: requests that arrive together share one transaction; each is answered after it.

While one group commits, the next gathers, so the busier a service is, the less a request costs.
A request that breaks its group is tried again alone and harms no other.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from postbox.errors import DatabaseUnavailable, TryAgain
from postbox.telemetry import batch_span

Request = TypeVar("Request")
Reply = TypeVar("Reply")

GROUP_MAX = 128
WAITING_MAX = 2_000


class Overloaded(TryAgain):
    """More requests wait than a service can answer in reasonable time."""


@dataclass(slots=True)
class Submission(Generic[Request]):
    """A request and the trace context that it came with."""

    request: Request
    context: Context


Commit = Callable[[Sequence[Submission[Request]]], Awaitable[Sequence[Reply]]]


class GroupCommit(Generic[Request, Reply]):
    """Gathers submissions for `commit(group)`, which returns a reply for each, in order."""

    def __init__(self, commit: Commit[Request, Reply], *, group_max: int = GROUP_MAX) -> None:
        self._commit = commit
        self._group_max = group_max
        self._waiting: deque[tuple[Submission[Request], asyncio.Future[Reply]]] = deque()
        self._runner: asyncio.Task[None] | None = None

    async def submit(self, request: Request) -> Reply:
        """Have `request` committed. Raises what its own commit raised, or Overloaded."""
        if len(self._waiting) >= WAITING_MAX:
            raise Overloaded(f"{WAITING_MAX:,} requests are waiting already")
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append((Submission(request, otel_context.get_current()), reply))
        if self._runner is None:
            self._runner = asyncio.create_task(self._run())
        return await reply

    async def _run(self) -> None:
        try:
            # One turn of the loop, so that requests read in the same turn join the first group.
            await asyncio.sleep(0)
            while self._waiting:
                size = min(len(self._waiting), self._group_max)
                await self._settle([self._waiting.popleft() for _ in range(size)])
        finally:
            self._runner = None

    async def _settle(
        self, group: Sequence[tuple[Submission[Request], asyncio.Future[Reply]]]
    ) -> None:
        submissions = [submission for submission, _ in group]
        try:
            with batch_span("commit group", (one.context for one in submissions)):
                replies = await self._commit(submissions)
        except DatabaseUnavailable as error:
            # Whoever waits would wait as long for the same answer, one group after another.
            _refuse([*group, *self._waiting], error)
            self._waiting.clear()
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the submitters' to see
            if len(group) == 1 or isinstance(error, TryAgain):
                _refuse(group, error)
                return
            for one in group:
                await self._settle([one])
            return
        for (_, reply), value in zip(group, replies, strict=True):
            if not reply.done():
                reply.set_result(value)


def _refuse(
    group: Iterable[tuple[Submission[Request], asyncio.Future[Reply]]], error: Exception
) -> None:
    for _, reply in group:
        if not reply.done():
            reply.set_exception(error)
