"""How long the core takes to import, beside the driver that it cannot do without.

The CPU of fresh interpreters, the least of several each, taken in turn: what else the machine does
makes an import longer and never shorter. Bytecode is cached, as in an installed package.
"""

import asyncio
import os
import sys
from tempfile import TemporaryDirectory
from typing import Final

from bench.report.results import ROOT
from bench.workbench import Figures, Workbench

ROUNDS: Final = 7
CORE: Final = "from postbox import Inbox, Outbox, transaction"
DRIVER: Final = "import pymongo"


async def measure(bench: Workbench) -> Figures:
    bench.say(f"imports: {ROUNDS} interpreters each")
    with TemporaryDirectory() as bytecode:
        least_ms = dict.fromkeys((DRIVER, CORE), float("inf"))
        for _ in range(1 + ROUNDS):  # the first one writes the bytecode, and is never the least
            for statement in least_ms:
                least_ms[statement] = min(least_ms[statement], await _cpu_ms(statement, bytecode))
    return {
        "imports.driver_ms": least_ms[DRIVER],
        "imports.core_ms": least_ms[CORE],
        "imports.ratio": least_ms[CORE] / least_ms[DRIVER],
    }


async def _cpu_ms(statement: str, bytecode: str) -> float:
    """Of one interpreter that does nothing else, as it counts it itself."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": ""}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", f"{statement}; import time; print(time.process_time())"),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    return float(printed) * 1_000
