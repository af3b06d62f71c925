"""What is measured of peers and of several processes: a loss is seen, and absence is told."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import ClassVar, Self

import pytest

from bench.bookings.customers import Customers
from bench.bookings.requests import Booking
from bench.errors import BenchFailed
from bench.peers.cpu import trees_s
from bench.peers.installation import PROGRAMS, NotInstalled, pinned
from bench.peers.killed import killed
from bench.peers.measure import run
from bench.peers.peer import Peer
from bench.processes.relays import check_order
from bench.relay.event import SUBJECTS
from bench.report import peers
from bench.report.results import BEGIN_PEERS, END, PAGE, PEERS, write_peers
from bench.scale import TINY
from bench.workbench import Report

ANSWER = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"
REQUEST = b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n"


class Forgetful(Peer):
    """It answers for every payment, and forgets all that it held when it is killed."""

    NAME: ClassVar = "restate"
    TITLE: ClassVar = "a forgetful one"
    LACKS = ""

    def __init__(self, server: asyncio.Server) -> None:
        self._url = "http://{}:{}".format(*server.sockets[0].getsockname())
        self._forgotten = 0

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, say: Report) -> AsyncIterator[Self]:
        if cls.LACKS:
            raise NotInstalled(cls.LACKS)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(1024):
                writer.write(ANSWER)
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1") as server:
            yield cls(server)

    @property
    def versions(self) -> str:
        return "1"

    def roots(self) -> Sequence[int]:
        return ()

    @property
    def urls(self) -> tuple[str, str]:
        return self._url, self._url

    def stock(self, count: int) -> Iterator[Booking]:
        for number in range(count):
            yield Booking(f"i{number}", f"p{number}", REQUEST, REQUEST)

    def customers(self, connections: int) -> AbstractAsyncContextManager[Customers]:
        raise NotImplementedError

    async def kill(self) -> None:
        self._forgotten = 3

    async def confirmed(self, bookings: Sequence[Booking], limit_s: float) -> int:
        return len(bookings) - self._forgotten

    async def verify(self, bookings: Sequence[Booking]) -> None:
        raise NotImplementedError


class Absent(Forgetful):
    LACKS = "there is no npm"


async def test_what_was_answered_for_and_is_forgotten_is_counted(tmp_path: Path) -> None:
    async with Forgetful.running(tmp_path, print) as peer:
        figures, accepted = await killed(peer, 0.1)
    assert figures["killed.accepted"] == len(accepted) > 3
    assert figures["killed.lost"] == 3


async def test_who_cannot_be_installed_is_left_out_with_the_reason() -> None:
    figures, about = await run(TINY, lambda text: None, [Absent])
    assert figures == {}
    assert peers.left_out(about) == ["Restate is left out: there is no npm"]


def test_the_table_has_a_column_for_each_and_a_dash_for_what_it_cannot_take() -> None:
    figures = {f"peers.{name}.per_s": 100.0 for name in ("dbos", "ours")}
    figures |= {f"peers.ours.at_50_per_s.{percent}_ms": 20.0 for percent in ("p50", "p99")}
    assert peers.headings(figures) == ("", "this project", "DBOS")
    rows = {what: tuple(cells) for what, *cells in peers.lines(figures)}
    assert rows["bookings at full load"] == ("100 /s", "100 /s")
    assert rows["at 50 a second: p50, p99"] == ("20, 20 ms", "–")


def test_the_page_shows_the_record(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(PAGE.read_text())
    if not PEERS.exists():
        shown = page.read_text().partition(BEGIN_PEERS)[2].partition(END)[0]
        assert shown.strip() == "No whole run is on record yet."
        return
    record = json.loads(PEERS.read_text())
    write_peers(record, record, page=page)
    assert page.read_text() == PAGE.read_text()


async def test_cpu_is_of_what_a_process_started_too() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    before_s = trees_s([os.getpid()])
    ended = await asyncio.create_subprocess_exec(sys.executable, "-c", burn)
    await ended.wait()
    alive = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", f"{burn}\nprint(flush=True); input()"), stdin=PIPE, stdout=PIPE
    )
    assert alive.stdout is not None
    await alive.stdout.readline()
    assert trees_s([os.getpid()]) - before_s >= 0.55
    await alive.communicate(b"\n")


def test_an_event_before_an_earlier_one_of_its_subject_or_a_lost_one_fails_the_run() -> None:
    committed = [f"event-{number}" for number in range(SUBJECTS + 2)]
    check_order([*committed[:2][::-1], *committed[2:], committed[0]], committed)
    with pytest.raises(BenchFailed, match="after a later one"):
        check_order(committed[::-1], committed)
    with pytest.raises(BenchFailed, match="1 events were lost"):
        check_order(committed[1:], committed)


@pytest.mark.parametrize(
    ("file", "package"), [("restate.txt", "restate-sdk"), ("dbos.txt", "dbos")]
)
def test_every_package_of_a_peer_is_pinned(file: str, package: str) -> None:
    lines = (PROGRAMS / file).read_text().splitlines()
    assert all("==" in line for line in lines)
    assert pinned(file, package)
