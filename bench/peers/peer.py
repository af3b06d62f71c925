"""What is measured of a peer goes through here: requests, customers, processes, and a kill."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import ClassVar, Self

from bench.bookings.customers import Customers
from bench.bookings.requests import Booking
from bench.workbench import Report


class Peer(ABC):
    """A booking system that runs."""

    NAME: ClassVar[str]
    """In the keys of the results."""
    TITLE: ClassVar[str]

    @classmethod
    @abstractmethod
    def running(cls, folder: Path, say: Report) -> AbstractAsyncContextManager[Self]:
        """It alone, with fresh data in `folder`. NotInstalled where it cannot be had."""

    @property
    @abstractmethod
    def versions(self) -> str: ...

    @abstractmethod
    def roots(self) -> Sequence[int]:
        """Process ids: with their descendants, all that serves a booking, servers included."""

    @property
    @abstractmethod
    def urls(self) -> tuple[str, str]:
        """Where an intent is sent, and where its payment."""

    @abstractmethod
    def stock(self, count: int) -> Iterator[Booking]:
        """So many bookings, their requests made."""

    @abstractmethod
    def customers(self, connections: int) -> AbstractAsyncContextManager[Customers]:
        """Customers with so many connections to each door."""

    @abstractmethod
    async def kill(self) -> None:
        """SIGKILL to every program but the databases and brokers, which start again by and by."""

    @abstractmethod
    async def confirmed(self, bookings: Sequence[Booking], limit_s: float) -> int:
        """How many of these are confirmed, once all are, or at the latest after `limit_s`."""

    @abstractmethod
    async def verify(self, bookings: Sequence[Booking]) -> None:
        """BenchFailed where these bookings, which are all, are not what they should be."""
