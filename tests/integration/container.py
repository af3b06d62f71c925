"""One container, and every way to hurt it. Its ports on the host stay the same for its life."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from deploy.shell import attempt, run

COMMAND_LIMIT_S: Final = 60.0
STOP_LIMIT_S: Final = 20
PID_FIELD: Final = "{{.State.Pid}}"


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """How a container is made. `ports` maps its ports to the host's, on loopback."""

    name: str
    image: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[int, int] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    aliases: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


class Container:
    def __init__(self, spec: ContainerSpec, network: Network) -> None:
        self.spec = spec
        self.name = spec.name
        self._network = network
        self._container: DockerContainer | None = None

    @property
    def id(self) -> str:
        assert self._container is not None, f"{self.name} was not made"
        return self._container.get_container_id()

    async def make(self, environment: Mapping[str, str] | None = None) -> None:
        """Creates and starts it, with these variables besides its own."""
        await asyncio.to_thread(self._make, dict(environment or {}))

    def _make(self, environment: dict[str, str]) -> None:
        spec = self.spec
        container = (
            DockerContainer(spec.image)
            .with_command(list(spec.command))
            .with_network(self._network)
            .with_network_aliases(self.name, *spec.aliases)
            .with_kwargs(hostname=self.name, init=True, **spec.options)
        )
        for name, value in {**spec.environment, **environment}.items():
            container.with_env(name, value)
        for port, on_host in spec.ports.items():
            container.with_bind_ports(port, on_host)
        for path, file in spec.files.items():
            container.with_volume_mapping(file, path, "ro")
        for path, volume in spec.volumes.items():
            container.with_volume_mapping(volume, path, "rw")
        self._container = container
        container.start()

    async def remove(self) -> None:
        """Takes it away with its anonymous volumes, whatever it is doing."""
        if self._container is not None:
            await asyncio.to_thread(self._container.stop)
            self._container = None

    async def remake(self, environment: Mapping[str, str] | None = None) -> None:
        """Another container of the same recipe, under the same name and ports."""
        await self.remove()
        await self.make(environment)

    # --- what can happen to it

    async def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        await self._docker("kill", "--signal", number.name, self.id)

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not end in time."""
        await self._docker("stop", "--time", str(STOP_LIMIT_S), self.id)

    async def start(self) -> None:
        await self._docker("start", self.id)

    async def pause(self) -> None:
        await self._docker("pause", self.id)

    async def unpause(self) -> None:
        await self._docker("unpause", self.id)

    async def cut_off(self) -> None:
        await self._docker("network", "disconnect", self._network.name, self.id)

    async def reconnect(self) -> None:
        names = [part for name in (self.name, *self.spec.aliases) for part in ("--alias", name)]
        await self._docker("network", "connect", *names, self._network.name, self.id)

    async def slow_down(self, cpus: float) -> None:
        """It gets no more of the processors than this, until told otherwise."""
        await self._docker("update", "--cpus", str(cpus), self.id)

    # --- what can be asked of it

    async def execute(self, *command: str, user: str | None = None) -> str:
        """Runs a command inside; what it printed."""
        options = ("--user", user) if user else ()
        return await self._docker("exec", *options, self.id, *command)

    async def ended(self) -> int:
        """Waits until its program has ended; its exit code."""
        return int(await self._docker("wait", self.id))

    async def inspect(self, form: str) -> str:
        return await self._docker("inspect", "--format", form, self.id)

    async def memory_peak_mb(self) -> float:
        """The most that its processes used of memory since it started, caches of files aside."""
        status = await self.execute("sh", "-c", "cat /proc/[0-9]*/status")
        peaks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
        return max(int(peak) for peak in peaks) / 1024

    async def logs(self, lines: int = 30) -> str:
        """What it said last, on stdout and on stderr."""
        command = ["docker", "logs", "--tail", str(lines), self.id]
        done = await asyncio.to_thread(attempt, command, limit_s=COMMAND_LIMIT_S)
        return (done.stdout + done.stderr).decode(errors="replace")

    async def _docker(self, *words: str) -> str:
        return await asyncio.to_thread(
            run, ["docker", *words], why=f"{self.name}", limit_s=COMMAND_LIMIT_S
        )
