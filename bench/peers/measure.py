"""All peers, in turn: rate, CPU, latency at several rates, and what a kill loses."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.bookings.customers import at_once, at_rate
from bench.bookings.load import CONNECTIONS_MAX, CONNECTIONS_MIN, pauses
from bench.bookings.requests import Booking
from bench.errors import BenchFailed
from bench.machine import machine
from bench.peers.cpu import trees_s
from bench.peers.dbos import Dbos
from bench.peers.installation import NotInstalled
from bench.peers.killed import killed
from bench.peers.ours import Ours
from bench.peers.peer import Peer
from bench.peers.restate import Restate
from bench.report.results import ROOT
from bench.report.statistics import percentiles_ms
from bench.scale import Scale
from bench.workbench import Figures, Report
from postbox.embedded import ServerMissing

PEERS: Final[Sequence[type[Peer]]] = (Ours, Restate, Dbos)
LOCAL: Final = ROOT / ".local"
PER_S_MAX: Final = 1_500
RATES: Final = (5, 50)


async def run(
    scale: Scale, say: Report, peers: Sequence[type[Peer]] = PEERS
) -> tuple[Figures, dict[str, Any]]:
    """The figures, by peer; and what they were measured on, with who is left out and why."""
    began_s = time.monotonic()
    versions: dict[str, str] = {}
    left_out: dict[str, str] = {}
    about: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "scale": scale.name,
        "machine": machine(),
    }
    figures: Figures = {}
    LOCAL.mkdir(exist_ok=True)
    for kind in peers:
        with TemporaryDirectory(prefix="bench-", dir=LOCAL) as folder:
            async with AsyncExitStack() as stack:
                try:
                    peer = await stack.enter_async_context(kind.running(Path(folder), say))
                except (NotInstalled, ServerMissing) as reason:
                    say(f"{kind.TITLE} is left out: {reason}")
                    left_out[kind.NAME] = str(reason)
                    continue
                versions[kind.NAME] = peer.versions
                measured = await measure(peer, scale, say)
                figures |= {f"peers.{kind.NAME}.{key}": value for key, value in measured.items()}
    about |= {"versions": versions, "left_out": left_out}
    about["seconds"] = round(time.monotonic() - began_s, 1)
    return figures, about


async def measure(peer: Peer, scale: Scale, say: Report) -> Figures:
    """One peer's. A rate that it cannot take is not tried: the backlog alone would be measured."""
    figures, booked = await _full_load(peer, scale, say)
    half = figures["per_s"] / 2
    tried = [(f"at_{rate}_per_s", float(rate), s) for rate, s in scale.steady_s if rate in RATES]
    for name, per_s, seconds in (*tried, ("at_half_load", half, scale.half_load_s)):
        if per_s < figures["per_s"]:
            say(f"{peer.TITLE}: {per_s:,.0f} new bookings a second for {seconds:g} s")
            took_s, more = await _steady(peer, per_s, seconds)
            figures |= {f"{name}.steady_per_s": per_s, **percentiles_ms(name, took_s)}
            booked += more
    say(f"{peer.TITLE}: SIGKILL to its programs in the middle of {scale.killed_s:g} s of load")
    after, accepted = await killed(peer, scale.killed_s)
    if not after["killed.lost"]:
        await peer.verify([*booked, *accepted])
    return figures | after


async def _full_load(peer: Peer, scale: Scale, say: Report) -> tuple[Figures, list[Booking]]:
    seconds = scale.warm_up_s + scale.saturation_s
    say(f"{peer.TITLE}: {scale.in_flight} customers at once for {seconds:g} s")
    stock = list(peer.stock(int(PER_S_MAX * seconds)))
    async with peer.customers(min(scale.in_flight, CONNECTIONS_MAX)) as customers:
        before_s, began_s = trees_s(peer.roots()), asyncio.get_running_loop().time()
        times_s = await at_once(customers, iter(stock), in_flight=scale.in_flight, seconds=seconds)
        spent_s = trees_s(peer.roots()) - before_s
        took_s = asyncio.get_running_loop().time() - began_s
    measured = sum(scale.warm_up_s <= at_s < seconds for at_s in times_s)
    if not measured:
        raise BenchFailed(f"{peer.TITLE}: no booking was confirmed in {seconds:g} s")
    return {
        "per_s": measured / scale.saturation_s,
        "cpu_ms_per_booking": spent_s / len(times_s) * 1000,
        "cores_used": spent_s / took_s,
    }, customers.confirmed


async def _steady(peer: Peer, per_s: float, seconds: float) -> tuple[list[float], list[Booking]]:
    stock = list(peer.stock(int(2 * per_s * seconds) + 1))
    connections = int(min(CONNECTIONS_MAX, max(CONNECTIONS_MIN, per_s)))
    async with peer.customers(connections) as customers:
        took_s = await at_rate(customers, iter(stock), pauses(per_s), seconds=seconds)
    return took_s, customers.confirmed
