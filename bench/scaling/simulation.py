"""A discrete-event simulation of bookings on programs that share cores.

A booking takes STEPS one after another. At each, a program takes the bookings that wait there in
one batch, works on a core, has MongoDB and RabbitMQ work on a core, and waits for the disk, during
which the core is free. A part of the work is beside the path: marks, acknowledgements, what follows
from other events. Cores are shared by time slices.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

STEPS: Final = ("gateway", "payment", "relay", "booking", "relay", "gateway")
"""The intent, the webhook, the event of it, the decision, the event of that, the view."""
RELAY: Final = "relay"
BATCH_MAX: Final = 64
SLICE_MS: Final = 1.0
SEED: Final = 20_261_128


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """`alone_ms` is the CPU of a booking whose batches have nobody else, `more_ms` what each other
    in its batches adds, both by part: the programs, `mongo`, `rabbitmq`, and `load`, which makes
    the requests. `commit_ms` and `deliver_ms` are what a batch waits for."""

    cores: int
    alone_ms: Mapping[str, float]
    more_ms: Mapping[str, float]
    beside: float
    """The share of the work that nobody waits for, if a core is free for it."""
    commit_ms: float
    deliver_ms: float
    processes: int = 1
    """Of each program."""


@dataclass(slots=True)
class Clock:
    """Simulated time, and the cores."""

    cores: int
    now_ms: float = 0.0
    _free: int = field(init=False)
    _ready: deque[tuple[float, Callable[[], None]]] = field(default_factory=deque)
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _count: int = 0

    def __post_init__(self) -> None:
        self._free = self.cores

    def after(self, ms: float, then: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (self.now_ms + ms, self._count, then))

    def work(self, ms: float, then: Callable[[], None]) -> None:
        """Take a core for so long in all, a slice at a time, behind those who wait for one."""
        self._ready.append((ms, then))
        self._assign()

    def run(self, until_ms: float) -> None:
        while self._events and self._events[0][0] <= until_ms:
            self.now_ms, _, then = heapq.heappop(self._events)
            then()

    def _assign(self) -> None:
        while self._free and self._ready:
            rest_ms, then = self._ready.popleft()
            self._free -= 1
            slice_ms = min(SLICE_MS, rest_ms)
            self.after(slice_ms, partial(self._end, rest_ms - slice_ms, then))

    def _end(self, rest_ms: float, then: Callable[[], None]) -> None:
        self._free += 1
        if rest_ms > 0:
            self._ready.append((rest_ms, then))
        else:
            then()
        self._assign()


@dataclass(slots=True)
class Booking:
    began_ms: float
    done: Callable[["Booking"], None]
    step: int = 0


class System:
    """All programs; a program's process has one batch under way at a time."""

    def __init__(self, costs: Costs) -> None:
        self.clock = Clock(costs.cores)
        self._costs = costs
        self._waiting: dict[str, deque[Booking]] = {name: deque() for name in set(STEPS)}
        self._idle = dict.fromkeys(STEPS, costs.processes)
        self.batches = self.batched = 0

    def begin(self, booking: Booking) -> None:
        name = STEPS[booking.step]
        self._waiting[name].append(booking)
        self._take(name)

    def _take(self, name: str) -> None:
        waiting = self._waiting[name]
        if not waiting or not self._idle[name]:
            return
        self._idle[name] -= 1
        batch = [waiting.popleft() for _ in range(min(BATCH_MAX, len(waiting)))]
        self.batches += 1
        self.batched += len(batch)
        costs = self._costs
        ms = self._work_ms(name, len(batch))
        wait_ms = costs.deliver_ms if name == RELAY else costs.commit_ms
        path_ms = ms * (1 - costs.beside)
        self.clock.work(path_ms, lambda: self.clock.after(wait_ms, lambda: self._end(name, batch)))
        self.clock.work(ms - path_ms, lambda: None)

    def _work_ms(self, name: str, size: int) -> float:
        """The CPU of a batch: the program's, the server's, and the customers' of its requests."""
        shares = {name: 1 / STEPS.count(name)}
        if name == RELAY:
            shares["rabbitmq"] = 1 / STEPS.count(RELAY)
        else:
            shares["mongo"] = shares["load"] = 1 / (len(STEPS) - STEPS.count(RELAY))
        costs = self._costs
        return sum(
            share * (costs.alone_ms[part] + (size - 1) * costs.more_ms[part])
            for part, share in shares.items()
        )

    def _end(self, name: str, batch: list[Booking]) -> None:
        self._idle[name] += 1
        for booking in batch:
            booking.step += 1
            if booking.step == len(STEPS):
                booking.done(booking)
            else:
                self.begin(booking)
        self._take(name)


@dataclass(frozen=True, slots=True)
class FullLoad:
    per_s: float
    batch: float
    """How many bookings a batch had, on average."""


def full_load(costs: Costs, *, in_flight: int, seconds: float) -> FullLoad:
    """Bookings a second with so many customers, each beginning anew when confirmed."""
    system, confirmed = System(costs), 0

    def done(_: Booking) -> None:
        nonlocal confirmed
        confirmed += 1
        system.begin(Booking(system.clock.now_ms, done))

    for _ in range(in_flight):
        system.begin(Booking(0.0, done))
    system.clock.run(seconds * 500)  # warm
    before = confirmed
    system.clock.run(seconds * 1500)
    return FullLoad((confirmed - before) / seconds, system.batched / system.batches)


def latencies_ms(costs: Costs, *, per_s: float, seconds: float) -> list[float]:
    """How long bookings take that come independently of one another."""
    system, took_ms = System(costs), list[float]()
    drawn, at_ms = random.Random(SEED), 0.0
    while (at_ms := at_ms + drawn.expovariate(per_s / 1000)) < seconds * 1000:
        booking = Booking(at_ms, lambda one: took_ms.append(system.clock.now_ms - one.began_ms))
        system.clock.after(at_ms, partial(system.begin, booking))
    system.clock.run(seconds * 1000 + 60_000)
    return took_ms
