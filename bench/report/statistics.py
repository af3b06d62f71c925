"""Percentiles of what was measured."""

from collections.abc import Sequence

from bench.errors import BenchFailed


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of `values` that at least `percent` of them do not exceed (nearest rank)."""
    if not values:
        raise BenchFailed("nothing was measured")
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]


def percentiles_ms(name: str, seconds: Sequence[float]) -> dict[str, float]:
    """`<name>.p50_ms` and `<name>.p99_ms` of latencies in seconds."""
    return {
        f"{name}.p50_ms": percentile(seconds, 50) * 1000,
        f"{name}.p99_ms": percentile(seconds, 99) * 1000,
    }


def growth(costs: Sequence[float]) -> float:
    """The most that one costs beside a cheaper one before it. That a few cost more each than many
    do is no growth."""
    return max(cost / min(costs[: place + 1]) for place, cost in enumerate(costs))
