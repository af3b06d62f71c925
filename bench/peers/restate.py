"""Restate: its server out of npm, and the saga served beside it."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import ClassVar, Final, Self

import httpx

from bench.errors import BenchFailed
from bench.peers.installation import PROGRAMS, RESTATE_SERVER, pinned, python_with, restate_server
from bench.peers.workflows import Workflows, answers, started
from bench.workbench import Report
from postbox.embedded import LOOPBACK, Process, Program, free_port, listens

REGISTER_LIMIT_S: Final = 20.0


class Restate(Workflows):
    NAME: ClassVar = "restate"
    TITLE: ClassVar = "Restate"
    WISH = "/Booking/{}/run/send"
    PAY = "/Booking/{}/paid"
    RESULT = "/restate/workflow/Booking/{}/attach"

    def __init__(self, url: str, server: Process, service: Process) -> None:
        super().__init__(url)
        self._programs = server, service

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, say: Report) -> AsyncIterator[Self]:
        say("Restate: installing what is not there yet")
        binary, python = await restate_server(), await python_with("restate.txt")
        ingress, admin, node, port = (free_port() for _ in range(4))
        server = Process(_server(binary, folder, ingress, admin, node), folder / "restate.log")
        service = Process(_service(python, port), folder / "booking.log")
        async with AsyncExitStack() as undo:
            for process in (server, service):
                undo.push_async_callback(process.stop)
                await started(process)
            async with httpx.AsyncClient(timeout=REGISTER_LIMIT_S, trust_env=False) as client:
                answer = await client.post(
                    f"http://{LOOPBACK}:{admin}/deployments",
                    json={"uri": f"http://{LOOPBACK}:{port}"},
                )
            if not answer.is_success:
                raise BenchFailed(f"Restate refused the service: {answer.text}")
            yield cls(f"http://{LOOPBACK}:{ingress}", server, service)

    @property
    def versions(self) -> str:
        server = RESTATE_SERVER.rpartition("@")[2]
        return f"restate-server {server}, restate-sdk {pinned('restate.txt', 'restate-sdk')}"

    def programs(self) -> Sequence[Process]:
        return self._programs

    def roots(self) -> Sequence[int]:
        return tuple(process.pid for process in self._programs if process.pid is not None)


def _server(binary: Path, folder: Path, ingress: int, admin: int, node: int) -> Program:
    return Program(
        name="restate",
        command=(str(binary), "--no-logo", "--base-dir", str(folder / "restate")),
        environment={
            "PATH": os.defpath,
            "HOME": str(folder),
            "RESTATE_LISTEN_MODE": "tcp",
            "RESTATE_BIND_ADDRESS": f"{LOOPBACK}:{node}",
            "RESTATE_ADMIN__BIND_ADDRESS": f"{LOOPBACK}:{admin}",
            "RESTATE_INGRESS__BIND_ADDRESS": f"{LOOPBACK}:{ingress}",
            "RESTATE_DISABLE_TELEMETRY": "true",
            "RESTATE_LOG_FILTER": "warn",
        },
        stop_limit_s=2.0,  # what it would still save is not looked at again
        probe=answers(f"http://{LOOPBACK}:{admin}/health"),
    )


def _service(python: Path, port: int) -> Program:
    return Program(
        name="booking",
        command=(str(python), str(PROGRAMS / "restate_booking.py"), str(port)),
        environment={"PATH": os.defpath},
        stop_limit_s=2.0,  # it would wait for the server to hang up
        probe=partial(listens, port),
    )
