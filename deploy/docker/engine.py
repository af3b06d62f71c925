"""The Docker engine: the one that is there, else one of our own where that is possible.

Guarantees: an engine that was there is used and left alone. One of our own has its images, socket
and files in folders of its own, and whoever is the last to use it ends it, with its bridges and
firewall rules, unless `keep` was asked for; its images stay for the next time.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from deploy.docker import firewall
from deploy.errors import DeployError, NoEngine
from deploy.shell import attempt, run

RUN: Final = Path("/run/postbox-docker")
DATA: Final = Path("/var/cache/postbox-docker")
SOCKET: Final = RUN / "docker.sock"
ADDRESS: Final = f"unix://{SOCKET}"
PACKAGES: Final = ("docker.io", "iptables", "debootstrap", "docker-compose")
UNWANTED: Final = "POSTBOX_NO_ENGINE"
"""Set by whoever wants no container and no daemon on the machine."""
ANSWER_LIMIT_S: Final = 30.0
STOP_LIMIT_S: Final = 30.0
POLL_S: Final = 0.1

_KEPT: Final = RUN / "kept"
_PID: Final = RUN / "dockerd.pid"
_started: Final[dict[int, subprocess.Popen[bytes]]] = {}
"""The daemon that this process started, by its id: it is ours to wait for."""


@contextmanager
def engine(*, keep: bool = False) -> Iterator[None]:
    """An engine that answers, named by DOCKER_HOST meanwhile; NoEngine where there can be none.

    `keep` leaves an engine of our own running until `release`.
    """
    if os.environ.get(UNWANTED):
        raise NoEngine(f"{UNWANTED} is set")
    if _answers():
        yield
        return
    _require_possible()
    RUN.mkdir(parents=True, exist_ok=True)
    with _user() as users:
        before = os.environ.get("DOCKER_HOST")
        os.environ["DOCKER_HOST"] = ADDRESS
        try:
            if not _answers():
                _install()
                _start()
            if keep:
                _KEPT.touch()
            yield
        finally:
            _end_if_unused(users)
            _restore("DOCKER_HOST", before)


def release() -> None:
    """Takes `keep` back: the engine ends when nobody uses it any more."""
    if SOCKET.exists():
        _KEPT.unlink(missing_ok=True)
        with _user() as users:
            _end_if_unused(users)


def _answers() -> bool:
    return attempt(["docker", "info"], limit_s=10).returncode == 0


def _require_possible() -> None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NoEngine(
            "no Docker daemon answers, and one can be started here only by root on Debian:"
            " start Docker, or point DOCKER_HOST to one that runs"
        )


@contextmanager
def _user() -> Iterator[IO[bytes]]:
    """Holds a share in the engine; who can have it all is the last."""
    with (RUN / "users").open("ab") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        yield users


def _install() -> None:
    programs = ("dockerd", "docker", "iptables", "debootstrap")
    if all(shutil.which(program) for program in programs) and _has_compose():
        return
    _say(f"installing {' '.join(PACKAGES)} with apt (once, about 20 s)")
    # RUNLEVEL=1 keeps the package from starting a daemon of its own.
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (
        ["apt-get", "-qq", "update"],
        ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *PACKAGES],
    ):
        try:
            run(command, why="Docker cannot be installed", environment=quiet)
        except DeployError as error:
            raise NoEngine(str(error)) from error


def _has_compose() -> bool:
    if shutil.which("docker-compose"):
        return True
    return attempt(["docker", "compose", "version"]).returncode == 0


def _start() -> None:
    _say(f"starting a Docker daemon of our own (images in {DATA}); it ends with its last user")
    firewall.remember(RUN)
    DATA.mkdir(parents=True, exist_ok=True)
    with (RUN / "dockerd.log").open("ab") as log:
        daemon = subprocess.Popen(
            [
                *("dockerd", "--host", ADDRESS, "--pidfile", str(_PID)),
                *("--data-root", str(DATA), "--exec-root", str(RUN / "exec")),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _started[daemon.pid] = daemon
    until = time.monotonic() + ANSWER_LIMIT_S
    while not _answers():
        if daemon.poll() is not None or time.monotonic() > until:
            daemon.kill()
            raise NoEngine(f"dockerd does not run here; {RUN / 'dockerd.log'} says why")
        time.sleep(POLL_S)


def _end_if_unused(users: IO[bytes]) -> None:
    if _KEPT.exists() or not _PID.exists():
        return
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # another user ends it
    _sweep()
    _stop(int(_PID.read_text()))
    firewall.restore(RUN)
    _say("the Docker daemon that we started has ended")


def _sweep() -> None:
    """Removes what a killed user left behind: containers, and networks with their bridges."""
    left = attempt(["docker", "ps", "--all", "--quiet"]).stdout.decode().split()
    if left:
        attempt(["docker", "rm", "--force", "--volumes", *left])
    attempt(["docker", "network", "prune", "--force"])


def _stop(pid: int) -> None:
    """SIGTERM lets it end its containers, their shims and containerd; then nothing is left."""
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + STOP_LIMIT_S
    while _runs(pid):
        if time.monotonic() > until:
            raise DeployError(f"dockerd (process {pid}) does not end within {STOP_LIMIT_S} s")
        time.sleep(POLL_S)


def _runs(pid: int) -> bool:
    ours = _started.get(pid)
    return Path(f"/proc/{pid}").exists() if ours is None else ours.poll() is None


def _restore(variable: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(variable, None)
    else:
        os.environ[variable] = value


def _say(sentence: str) -> None:
    print(f"{sentence} ...", file=sys.stderr, flush=True)
