"""`python -m tests.interop` writes docs/interop-table.md; `--check`: whether the page says what is
seen now. With names of parts, only these. Fails where we change something in silence, or a cell is
blank."""

import asyncio
import logging
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import structlog

from stack.servers.mongod import Mongod
from stack.servers.rabbitmq import RabbitMQ
from tests.interop import messages, router, rows
from tests.interop.cells import Table
from tests.interop.events import incoming, outgoing
from tests.interop.page import PAGE, written
from tests.relay.harness import RelayHarness

CHECK: Final = "--check"
Part = Callable[[RelayHarness], Awaitable[list[Table]]]
PARTS: Final[dict[str, Part]] = {
    "rows": rows.tables,
    "router": router.tables,
    "events of others": incoming.tables,
    "events of ours": outgoing.tables,
    "messages of others": messages.incoming.tables,
    "messages of ours": messages.outgoing.tables,
}


async def seen(names: Sequence[str]) -> list[Table]:
    """Of each part, with an outbox and a queue of its own. KeyError where it is none."""
    tables: list[Table] = []
    with tempfile.TemporaryDirectory() as name:
        at = Path(name)
        async with Mongod(at / "mongod") as mongod, RabbitMQ(at / "rabbitmq") as rabbitmq:
            for part in names:
                run = PARTS[part]
                print(f"{part} ...", flush=True)
                async with RelayHarness(mongod, rabbitmq, at) as harness:
                    tables += await run(harness)
    return tables


def main(arguments: list[str]) -> int:
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)  # rows are parked on purpose
    structlog.configure(wrapper_class=quiet)
    names = [one for one in arguments if one != CHECK]
    tables = asyncio.run(seen(names or list(PARTS)))
    faults = [fault for table in tables for fault in table.faults()]
    before = PAGE.read_text(encoding="utf-8")
    after = written(before, tables)
    if faults:
        print("\n".join(faults))
    if CHECK in arguments:
        if after != before:
            print(f"{PAGE.name} is out of date: make interop")
        return int(bool(faults) or after != before)
    PAGE.write_text(after, encoding="utf-8")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
