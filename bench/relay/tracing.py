"""What tracing costs the relay: catching up untraced, with 1 flow in 100 recorded, and with all.

The relay exports over OTLP to a receiver of its own process. The three are run in turn, again and
again, and compared within a turn: a machine that slows down slows all of them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from bench.process import cpu_s
from bench.relay.collector import Collector
from bench.relay.relay_process import RelayProcess
from bench.relay.source import Source, drained
from bench.relay.throughput import Run, catch_up
from bench.workbench import Figures, Workbench

OFF: Final = "untraced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """One event in `sampled_every` is of a flow that is recorded."""

    name: str
    sampled_every: int
    environment: dict[str, str]


RECORDED: Final = (
    Mode(
        name="traced_1_percent",
        sampled_every=100,
        environment={
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": "0.01",
        },
    ),
    Mode(name="traced_100_percent", sampled_every=1, environment={}),
)


async def measure(bench: Workbench) -> Figures:
    scale = bench.scale
    runs: dict[str, list[Run]] = defaultdict(list)
    spans: dict[str, int] = defaultdict(int)
    receiving_s: dict[str, float] = defaultdict(float)
    modes = (Mode(name=OFF, sampled_every=0, environment={}), *RECORDED)
    async with (
        Source.fresh(bench) as source,
        RelayProcess(bench) as relay,
        Collector() as collector,
    ):
        await relay.stream_once(source)
        await drained(source, 1)
        for number in range(scale.traced_rounds):
            for mode in reversed(modes) if number % 2 else modes:
                bench.say(f"tracing: {scale.traced_rows:,} events, {mode.name.replace('_', ' ')}")
                ids = await source.fill(scale.traced_rows, sampled_every=mode.sampled_every)
                before_s = cpu_s(collector.pid)
                environment = collector.environment if mode.sampled_every else {}
                run = await catch_up(bench, source, relay, ids, environment | mode.environment)
                receiving_s[mode.name] += cpu_s(collector.pid) - before_s
                runs[mode.name].append(run)
                await relay.stop()  # it sends what it still has
                spans[mode.name] += await collector.spans()
                await source.emptied(scale.traced_rows - 1)
    figures = _compared(runs)
    for mode in RECORDED:
        rounds = scale.traced_rounds
        due = rounds * len(range(0, scale.traced_rows, mode.sampled_every))
        received_us = receiving_s[mode.name] / (rounds * scale.traced_rows) * 1e6
        figures[f"relay.{mode.name}.spans_received_percent"] = spans[mode.name] / due * 100
        figures[f"relay.{mode.name}.receiver_cpu_us_per_event"] = received_us
    return figures


def _compared(runs: Mapping[str, Sequence[Run]]) -> Figures:
    figures: Figures = {}
    for name, of_mode in runs.items():
        figures[f"relay.{name}.events_per_s"] = median(run.events_per_s for run in of_mode)
        figures[f"relay.{name}.cpu_us_per_event"] = median(run.cpu_us["relay"] for run in of_mode)
        pairs = zip(of_mode, runs[OFF], strict=True)
        kept = median(run.events_per_s / off.events_per_s for run, off in pairs)
        if name != OFF:
            figures[f"relay.{name}.lost_percent"] = (1 - kept) * 100
    return figures
