"""What the figures were measured on: a number without it says nothing."""

import os
import platform
from pathlib import Path
from typing import Any, Final

from bench.workbench import Workbench
from postbox.rabbitmq import connected, raw_channel

MB: Final = 1_000_000


async def versions(bench: Workbench) -> dict[str, str]:
    """Of Python and the two servers."""
    build = await bench.client.admin.command("buildInfo")
    async with connected(bench.stack.info.rabbitmq.uri, name="bench") as connection:
        channel = await raw_channel(await connection.channel(publisher_confirms=False))
        properties: dict[str, Any] = dict(channel.connection.server_properties)
    return {
        "python": platform.python_version(),
        "mongodb": str(build["version"]),
        "rabbitmq": _text(properties["version"]),
    }


def machine() -> dict[str, str | int | float]:
    """Cores, memory, kernel, and how busy others kept it just before."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mb": memory // MB,
        "kernel": f"{platform.system()} {platform.release()}",
        "load_before": round(os.getloadavg()[0], 2),
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
