"""Idle cores, as the kernel of this machine counts them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import pytest

from postbox.runtime import cores, idle_cores
from tests.eventually import eventually

CORES = os.cpu_count() or 1


@contextmanager
def busy(count: int) -> Iterator[None]:
    running = [Popen(["/bin/sh", "-c", "while :; do :; done"]) for _ in range(count)]
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


async def test_no_core_is_idle_while_each_has_something_to_run() -> None:
    async def none_is() -> bool:
        return idle_cores() == 0

    with busy(CORES):
        await eventually(none_is)


@pytest.mark.parametrize(
    ("text", "idle"),
    [
        ("0.52 0.58 0.59 1/345 4242\n", 3),
        ("0.52 0.58 0.59 4/345 4242\n", 0),
        ("9.52 0.58 0.59 17/345 4242\n", 0),
        ("of another kernel", 0),
        ("", 0),
    ],
)
def test_a_core_is_idle_that_has_no_thread_to_run(
    text: str, idle: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loadavg").write_text(text)
    monkeypatch.setattr(cores, "_LOAD", tmp_path / "loadavg")
    monkeypatch.setattr(cores, "_CORES", 4)
    assert idle_cores() == idle


def test_none_is_where_the_kernel_does_not_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "_LOAD", tmp_path / "missing")
    assert idle_cores() == 0
