"""A private RabbitMQ node on loopback, with all its files in one folder and an epmd of its own.

Guarantees: started again on the same folder it has its data, even after SIGKILL; it reads none of
the system's configuration and touches none of its files. `pid` is the Erlang machine's own.
"""

import asyncio
import os
import shutil
import time
from pathlib import Path
from typing import Final

from postbox.embedded.errors import EmbeddedError, ServerMissing
from postbox.embedded.ports import LOOPBACK, free_port
from postbox.embedded.process import Program
from postbox.embedded.server import Server
from postbox.wait_for import wait_for

# Debian keeps the real script here; the one on PATH insists on the system's own user.
SCRIPTS: Final = Path("/usr/lib/rabbitmq/bin")
# Names are known to the epmd alone that the node registers with, and that one is private.
NODE: Final = "postbox@localhost"
LOOPBACK_ALONE: Final = "inet_dist_use_interface {127,0,0,1}"
# Idle schedulers spin for a while by default, which takes time from whatever shares their cores.
NO_BUSY_WAITING: Final = "+sbwt none +sbwtdcpu none +sbwtdio none"
MEMORY_MAX: Final = "1GB"
DISK_FREE_MIN: Final = "50MB"
# Quorum queues keep so much in memory before it goes to segment files (512 MiB otherwise).
WAL_BYTES_MAX: Final = 64 * 1024 * 1024
PROBE_LIMIT_S: Final = 1.0
CTL_LIMIT_S: Final = 30.0
NAMED_WITHIN_S: Final = 5.0
SETTLE_POLL_S: Final = 0.02
SETTLE_POLLS_MAX: Final = 1000

CONFIGURATION: Final = f"""\
log.file = false
log.console = true
log.console.level = info
vm_memory_high_watermark.absolute = {MEMORY_MAX}
disk_free_limit.absolute = {DISK_FREE_MIN}
raft.wal_max_size_bytes = {WAL_BYTES_MAX}
"""
MANAGEMENT: Final = f"""\
management.tcp.ip = {LOOPBACK}
management.tcp.port = {{port}}
"""


class RabbitMQ(Server):
    """`configuration` is added to rabbitmq.conf. With `management_port`, its HTTP API is there."""

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        distribution_port: int | None = None,
        epmd_port: int | None = None,
        management_port: int | None = None,
        configuration: str = "",
    ) -> None:
        self.port: int = port or free_port()
        self._distribution_port = distribution_port or free_port()
        self._epmd_port = epmd_port or free_port()
        self.management_port = management_port
        self._configuration = CONFIGURATION + configuration
        if management_port is not None:
            self._configuration += MANAGEMENT.format(port=management_port)
        super().__init__(directory)

    @property
    def uri(self) -> str:
        return f"amqp://guest:guest@{LOOPBACK}:{self.port}/"

    @property
    def management_url(self) -> str | None:
        """Of its HTTP API, if it serves one."""
        if self.management_port is None:
            return None
        return f"http://guest:guest@{LOOPBACK}:{self.management_port}"

    @property
    def environment(self) -> dict[str, str]:
        """Everything that RabbitMQ's scripts read; it serves `rabbitmqctl` as well as the node."""
        base = self._directory
        return {
            "PATH": f"{SCRIPTS}:{os.environ.get('PATH', os.defpath)}",
            "LANG": "C.UTF-8",
            "HOME": str(base),
            "RABBITMQ_NODENAME": NODE,
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_CONFIG_FILE": str(base / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(base / "conf.d"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(base / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(base / "rabbitmq-env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(base / "enabled_plugins"),
            "RABBITMQ_FEATURE_FLAGS_FILE": str(base / "feature_flags"),
            "RABBITMQ_MNESIA_BASE": str(base / "mnesia"),
            "RABBITMQ_LOG_BASE": str(base / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_GENERATED_CONFIG_DIR": str(base / "generated"),
            "RABBITMQ_SCHEMA_DIR": str(base / "schema"),
            "RABBITMQ_PID_FILE": str(base / "pid"),
            # Without these the scripts fork and wait; with them the Erlang machine takes the place
            # of the script, so that the pid is its own.
            "RUNNING_UNDER_SYSTEMD": "true",
            # Two cores are shared with everything else: no scheduler is tied to one of them.
            "RABBITMQ_SCHEDULER_BIND_TYPE": "u",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-kernel {LOOPBACK_ALONE} {NO_BUSY_WAITING}",
            "ERL_CRASH_DUMP": str(base / "erl_crash.dump"),
            "ERL_CRASH_DUMP_SECONDS": "0",
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_EPMD_PORT": str(self._epmd_port),
            # Else every Erlang that starts brings up an epmd daemon that nobody ends.
            "ERL_ZFLAGS": "-start_epmd false",
        }

    def programs(self) -> tuple[Program, ...]:
        self._write_files()
        epmd = ("epmd", "-port", str(self._epmd_port), "-address", LOOPBACK)
        return (
            Program(
                name="epmd",
                command=epmd,
                environment=self.environment,
                probe=lambda: listens(self._epmd_port),
            ),
            Program(
                name="rabbitmq",
                command=(str(find_rabbitmq()),),
                environment=self.environment,
                probe=self.probe,
                stop_limit_s=20.0,
            ),
        )

    async def probe(self) -> str | None:
        return await speaks_amqp(self.port)

    async def settled(self) -> None:
        """Returns when every quorum queue is on disk by name; a test calls it before it kills.

        Before 3.13.3 the node writes these names half a second late. Killed before that, it starts
        each such queue anew with no leader: what was confirmed is lost, and every use of it hangs.
        """
        for _ in range(SETTLE_POLLS_MAX):
            if not self._unnamed():
                return
            await asyncio.sleep(SETTLE_POLL_S)
        raise EmbeddedError(f"quorum queues are not named on disk: {self._unnamed()}")

    def _unnamed(self) -> list[str]:
        queues = self._directory / "mnesia" / NODE / "quorum" / NODE
        names = queues / "names.dets"
        named = names.read_bytes() if names.exists() else b""
        # An older folder without a name is what such a kill left: it will never have one.
        since = time.time() - NAMED_WITHIN_S
        return [
            path.name
            for path in queues.glob("*/")
            if path.stat().st_mtime > since and path.name.encode() not in named
        ]

    async def ctl(self, *arguments: str) -> str:
        """Runs `rabbitmqctl` against this node and returns what it says."""
        process = await asyncio.create_subprocess_exec(
            str(find_rabbitmq().with_name("rabbitmqctl")),
            *arguments,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await wait_for(process.communicate(), CTL_LIMIT_S)
        if process.returncode != 0:
            raise EmbeddedError(f"rabbitmqctl {' '.join(arguments)}: {output.decode().strip()}")
        return output.decode()

    def _write_files(self) -> None:
        (self._directory / "conf.d").mkdir(parents=True, exist_ok=True)
        (self._directory / "rabbitmq.conf").write_text(self._configuration)
        plugins = "" if self.management_port is None else "rabbitmq_management"
        (self._directory / "enabled_plugins").write_text(f"[{plugins}].\n")


async def listens(port: int) -> str | None:
    try:
        _, writer = await wait_for(asyncio.open_connection(LOOPBACK, port), PROBE_LIMIT_S)
    except (OSError, TimeoutError):
        return f"nothing listens on port {port}"
    writer.close()
    return None


async def speaks_amqp(port: int) -> str | None:
    """Whether the broker answers the protocol's greeting: it does once it has booted."""
    try:
        reader, writer = await wait_for(asyncio.open_connection(LOOPBACK, port), PROBE_LIMIT_S)
    except (OSError, TimeoutError):
        return f"nothing listens on port {port}"
    try:
        writer.write(b"AMQP\x00\x00\x09\x01")
        await wait_for(reader.readexactly(1), PROBE_LIMIT_S)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return "the broker does not answer yet"
    finally:
        writer.close()
    return None


def find_rabbitmq() -> Path:
    """The script that runs the node, or `ServerMissing`."""
    debian = SCRIPTS / "rabbitmq-server"
    found = str(debian) if debian.exists() else shutil.which("rabbitmq-server")
    if found is None:
        raise ServerMissing(
            "no RabbitMQ: install it (on Debian or Ubuntu: sudo apt-get install -y rabbitmq-server)"
        )
    return Path(found)
