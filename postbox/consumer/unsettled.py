"""The deliveries of one channel that are not acknowledged yet, and how they are."""

import asyncio
from collections.abc import Collection

from aiormq.abc import AbstractChannel as RawChannel


class Unsettled:
    """The delivery tags of one channel that are not acknowledged yet, oldest first."""

    def __init__(self, channel: RawChannel) -> None:
        self._channel = channel
        self._tags: dict[int, None] = {}
        self._settling = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._tags)

    def add(self, tag: int) -> None:
        self._tags[tag] = None

    async def settle(self, tags: Collection[int]) -> None:
        """Acknowledge `tags`: the oldest unbroken run of them by one frame, the rest one by one.

        One that is under way, or waits for another try, is never swept along by a later one. No two
        may acknowledge at once: a run would sweep along tags that the other is still to send.
        """
        async with self._settling:
            await self._settle(set(tags))

    async def _settle(self, settled: set[int]) -> None:
        run: int | None = None
        for tag in self._tags:
            if tag not in settled:
                break
            run = tag
        for tag in settled:
            del self._tags[tag]
        if run is not None:
            await self._channel.basic_ack(run, multiple=True, wait=False)
        for tag in sorted(settled):
            if run is None or tag > run:
                await self._channel.basic_ack(tag, wait=False)
