"""`asyncio.wait_for` as it is from Python 3.12 on, for libraries beneath that use it on 3.11.

Up to Python 3.11 it runs what it awaits in a task of its own. If its caller is cancelled just as
that task ends, it returns the result, and the cancellation is lost: who waits for the cancelled
task's end waits until it is cancelled again. A connection to a server on the same host is made in
one step, so that each of PyMongo's is such a moment.
"""

import asyncio
import sys
from collections.abc import Awaitable
from types import ModuleType
from typing import Final, TypeVar

T = TypeVar("T")
NAME: Final = "wait_for"


async def wait_for(awaitable: Awaitable[T], timeout: float | None) -> T:
    """Its result. TimeoutError after `timeout` seconds; a cancellation is never lost."""
    async with asyncio.timeout(timeout):
        return await awaitable


_MENDED: Final = ModuleType("asyncio")
"""All of asyncio, with the `wait_for` of this module."""
vars(_MENDED).update(vars(asyncio) | {NAME: wait_for})


def repair_wait_for(*modules: ModuleType) -> None:
    """Replace it in modules that use it, however they have it. Nothing from Python 3.12 on.

    AttributeError where a module has neither `asyncio` nor `wait_for`.
    """
    if sys.version_info >= (3, 12):
        return
    for module in modules:
        if hasattr(module, NAME):
            setattr(module, NAME, wait_for)
        else:
            module.asyncio  # noqa: B018 - for its error
            setattr(module, "asyncio", _MENDED)  # noqa: B010
