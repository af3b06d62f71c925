"""All measurements, or some, in one run on one private stack."""

import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench import imports, limits, processes
from bench.bookings import budget, subject
from bench.bookings import measure as bookings
from bench.machine import machine, versions
from bench.relay import console, cost, latency, memory, throughput, tracing
from bench.report.results import ROOT
from bench.scale import Scale
from bench.workbench import Figures, Measurement, Workbench
from postbox.mongo import connect
from stack.embedded import Stack

MEASUREMENTS: Final[Mapping[str, Measurement]] = {
    "imports": imports.measure,
    "limits": limits.measure,
    "relay": throughput.measure,
    "tracing": tracing.measure,
    "console": console.measure,
    "cost": cost.measure,
    "latency": latency.measure,
    "memory": memory.measure,
    "subject": subject.measure,
    "bookings": bookings.measure,
    "budget": budget.measure,
    "processes": processes.measure,
}
FOLDER: Final = ROOT / ".local"
"""Beside the repository, and so on a disk: what is kept in memory alone would be flattered."""


async def run(
    scale: Scale, names: Collection[str], say: Callable[[str], None]
) -> tuple[Figures, dict[str, Any]]:
    """Measure; the figures, and what they were measured on. BenchFailed where one is worthless.

    The programs are started for their own measurement alone: nothing idles beside the others.
    """
    about: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "scale": scale.name,
        "machine": machine(),
    }
    began_s = time.monotonic()
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="bench-", dir=FOLDER) as folder:
        say("starting a private MongoDB and RabbitMQ")
        async with (
            Stack(Path(folder), programs=()) as stack,
            connect(stack.info.mongo.uri, application="bench") as client,
        ):
            bench = Workbench(stack=stack, client=client, scale=scale, say=say)
            about["versions"] = await versions(bench)
            figures: Figures = {}
            for name, measure in MEASUREMENTS.items():
                if name in names:
                    figures |= await measure(bench)
    about["seconds"] = round(time.monotonic() - began_s, 1)
    return figures, about
