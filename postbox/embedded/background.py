"""Servers for a program that has no event loop of its own, or none to spare."""

import asyncio
from collections.abc import Coroutine
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")


class Background:
    """An event loop in a thread of its own, for as long as the block runs.

    A server that is started in it has to be stopped in it.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # The kernel ends a server with the thread that started it.
        self._thread = Thread(target=self._loop.run_forever, name="postbox.embedded", daemon=True)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns, or raises."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
