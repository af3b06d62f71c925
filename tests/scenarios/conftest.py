"""One private stack for these tests, on which every scenario is played once."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import pytest
import pytest_asyncio

from scenarios.checker import Snapshot, read
from scenarios.clients.connections import connect
from scenarios.registry import SCENARIOS
from scenarios.runner import Progress, Result, run_all
from scenarios.target_stack import SHORT_TIMES
from stack.embedded import Stack
from stack.running import RunningStack


@dataclass(frozen=True, kw_only=True)
class Played:
    """The stack, the results by name, and what the system was like when all was told."""

    stack: RunningStack
    results: Mapping[str, Result]
    snapshot: Snapshot


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def played(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Played]:
    async with Stack(tmp_path_factory.mktemp("stack"), env=SHORT_TIMES) as stack:
        results = await run_all(SCENARIOS.values(), stack, Progress())
        async with connect(stack.info) as connections:
            snapshot = await read(connections)
        yield Played(
            stack=stack,
            results={result.scenario: result for result in results},
            snapshot=snapshot,
        )
