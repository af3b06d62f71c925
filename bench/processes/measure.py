"""Each number of processes in turn; the stack's own programs are down between."""

from bench.processes.relays import relays
from bench.processes.services import services
from bench.workbench import Figures, Workbench


async def measure(bench: Workbench) -> Figures:
    """`processes.relay_<n>...` and `processes.services_<n>...`."""
    figures: Figures = {}
    for count in bench.scale.processes:
        figures |= await relays(bench, count)
        figures |= await services(bench, count)
    return figures
