"""MongoDB's own fault injection: commands of one application that fail in a chosen way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from postbox.mongo import connect


@asynccontextmanager
async def failing(
    uri: str, *commands: str, times: int | None = None, application: str = "tests", **how: Any
) -> AsyncIterator[None]:
    """While the block runs, `commands` fail as `how` says: the first `times` ones, else all."""
    data = {"failCommands": list(commands), "appName": application, **how}
    mode = "alwaysOn" if times is None else {"times": times}
    async with connect(uri, application="failpoints") as admin:
        await admin.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})
        try:
            yield
        finally:
            await admin.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


@asynccontextmanager
async def short_lived_transactions(uri: str, *, seconds: int = 1) -> AsyncIterator[None]:
    """mongod ends transactions whose process was killed after `seconds` rather than 10."""
    name = "transactionLifetimeLimitSeconds"
    async with connect(uri, application="failpoints") as admin:
        before = (await admin.admin.command({"getParameter": 1, name: 1}))[name]
        await admin.admin.command({"setParameter": 1, name: seconds})
        try:
            yield
        finally:
            await admin.admin.command({"setParameter": 1, name: before})
