"""Looks at the broker: by AMQP, and by its management API where there is one."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from postbox.console.overview.management import BrokerFacts, Management
from postbox.console.overview.snapshot import BrokerLook, QueuePair
from postbox.errors import BrokerUnavailable
from postbox.operations import QueueStatus, QueueWatch
from postbox.rabbitmq.dead_letter import DEAD_SUFFIX

LIMIT_S: Final = 2.0


class BrokerWatch:
    """`bindings` are those that queues are to have; of other queues, those that were seen."""

    def __init__(
        self,
        uri: str,
        management: Management | None,
        *,
        exchange: str,
        queues: Sequence[str],
        bindings: Mapping[str, frozenset[str]],
    ) -> None:
        self._uri = uri
        self._amqp = QueueWatch(uri)
        self._leaving: set[asyncio.Task[None]] = set()
        self._management = management
        self._exchange = exchange
        self._unrouted = f"{exchange}.unrouted"
        self._queues = tuple(queues)
        self._configured = dict(bindings)
        self._seen: dict[str, frozenset[str]] = {}

    async def look(self) -> BrokerLook:
        """Within two seconds, whether the broker answers or not."""
        amqp, (facts, api_problem) = await asyncio.gather(self._by_amqp(), self._by_api())
        queues, unrouted, problem = amqp
        if facts is not None:
            for name, keys in facts.bindings.items():
                self._seen[name] = self._seen.get(name, frozenset()) | keys
        return BrokerLook(
            queues=queues,
            unrouted=unrouted,
            problem=problem,
            facts=facts,
            api_problem=api_problem,
            expected={**self._seen, **self._configured},
        )

    async def close(self) -> None:
        await asyncio.gather(self._amqp.close(), *self._leaving)

    async def _by_amqp(self) -> tuple[list[QueuePair], QueueStatus | None, str | None]:
        names = [f"{name}{end}" for name in self._queues for end in ("", DEAD_SUFFIX)]
        looking = asyncio.ensure_future(self._amqp.look([*names, self._unrouted]))
        await asyncio.wait((looking,), timeout=LIMIT_S)
        if not looking.done():
            self._leave(looking)
            return [], None, f"no answer within {LIMIT_S:.0f} s"
        try:
            *found, unrouted = looking.result()
        except BrokerUnavailable as error:
            return [], None, str(error)
        pairs = [
            QueuePair(queue=queue, dead=dead)
            for queue, dead in zip(found[::2], found[1::2], strict=True)
        ]
        return pairs, unrouted, None

    def _leave(self, looking: "asyncio.Future[list[QueueStatus]]") -> None:
        """Close what does not answer while nobody waits for it: a frozen broker takes its time."""
        amqp, self._amqp = self._amqp, QueueWatch(self._uri)

        async def leave() -> None:
            looking.cancel()
            await asyncio.wait((looking,))
            await amqp.close()

        leaving = asyncio.create_task(leave())
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    async def _by_api(self) -> tuple[BrokerFacts | None, str | None]:
        if self._management is None:
            return None, None
        try:
            return await self._management.look(self._exchange), None
        except BrokerUnavailable as error:
            return None, str(error)
