"""Group commit: requests that arrive together share one transaction; each is answered after it.

While one group commits, the next gathers, so the busier a service is, the less a request costs.
Where a core idles, several are under way at once, as long as they are small. A request that breaks
its group is tried again alone and harms no other.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, Generic, TypeVar

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context

from postbox.errors import DatabaseUnavailable, TryAgain
from postbox.runtime import idle_cores
from postbox.telemetry import WAITED, batch_span, is_traced

Request = TypeVar("Request")
Reply = TypeVar("Reply")

GROUP_MAX: Final = 128
GROUPS_MAX: Final = 4
SMALL_GROUP: Final = 16
"""From here on, groups are full enough to commit one at a time."""
IDLE_CORES_MIN: Final = 1
"""With fewer, groups commit one at a time too: a second would slow the first."""
RECENT: Final = 0.25
"""How much the newest group counts in the average of their sizes."""
WAITING_MAX: Final = 2_000


class Overloaded(TryAgain):
    """More requests wait than a service can answer in reasonable time."""


@dataclass(slots=True)
class Submission(Generic[Request]):
    """A request and the trace context that it came with."""

    request: Request
    context: Context
    submitted_s: float = field(default_factory=monotonic)


Commit = Callable[[Sequence[Submission[Request]]], Awaitable[Sequence[Reply]]]


class GroupCommit(Generic[Request, Reply]):
    """Gathers submissions for `commit(group)`, which returns a reply for each, in order."""

    def __init__(
        self,
        commit: Commit[Request, Reply],
        *,
        group_max: int = GROUP_MAX,
        groups_max: int = GROUPS_MAX,
        idle_cores_min: int = IDLE_CORES_MIN,
    ) -> None:
        self._commit = commit
        self._group_max = group_max
        self._groups_max = groups_max
        self._idle_cores_min = idle_cores_min
        self._waiting: deque[tuple[Submission[Request], asyncio.Future[Reply]]] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._size = 0.0  # of recent groups
        self._is_gathering = False

    async def submit(self, request: Request) -> Reply:
        """Have `request` committed. Raises what its own commit raised, or Overloaded."""
        if len(self._waiting) >= WAITING_MAX:
            raise Overloaded(f"{WAITING_MAX:,} requests are waiting already")
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Reply] = loop.create_future()
        self._waiting.append((Submission(request, otel_context.get_current()), reply))
        if not self._is_gathering:
            # One turn of the loop, so that requests read in the same turn join the group.
            self._is_gathering = True
            loop.call_soon(self._begin)
        return await reply

    def _begin(self) -> None:
        """Begin as many groups as there are requests for, and may be under way."""
        self._is_gathering = False
        while self._waiting and self._may_begin():
            size = min(len(self._waiting), self._group_max)
            group = [self._waiting.popleft() for _ in range(size)]
            task = asyncio.create_task(self._settle(group))
            self._under_way.add(task)
            task.add_done_callback(self._ended)
            self._size += RECENT * (size - self._size)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not self._is_gathering:
            self._begin()

    def _may_begin(self) -> bool:
        return not self._under_way or (
            len(self._under_way) < self._groups_max
            and self._size < SMALL_GROUP
            and (not self._idle_cores_min or idle_cores() >= self._idle_cores_min)
        )

    async def _settle(
        self, group: Sequence[tuple[Submission[Request], asyncio.Future[Reply]]]
    ) -> None:
        submissions = [submission for submission, _ in group]
        _note_waits(submissions)
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


def _note_waits(submissions: Iterable[Submission[Request]]) -> None:
    if not is_traced():
        return
    now_s = monotonic()
    for one in submissions:
        span = trace.get_current_span(one.context)
        span.set_attribute(WAITED, (now_s - one.submitted_s) * 1000)


def _refuse(
    group: Iterable[tuple[Submission[Request], asyncio.Future[Reply]]], error: Exception
) -> None:
    for _, reply in group:
        if not reply.done():
            reply.set_exception(error)
