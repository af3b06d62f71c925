"""What a relay is doing: one state per shard, logged and reported at /readyz."""

from enum import Enum
from typing import Final

import structlog

from postbox.outbox import Shard
from postbox.runtime import Health


class State(Enum):
    """`standby → backfill → streaming → draining`, and back to standby when the lease is lost."""

    STANDBY = "standby"  # another relay holds the lease, or a server is unavailable
    BACKFILL = "backfill"  # publishes pending rows, since there is no usable token
    STREAMING = "streaming"  # follows the change stream
    DRAINING = "draining"  # was told to stop: waits for what is in flight


TRANSITIONS: Final = {
    State.STANDBY: {State.BACKFILL, State.STREAMING, State.DRAINING},
    State.BACKFILL: {State.STREAMING, State.DRAINING, State.STANDBY},
    State.STREAMING: {State.BACKFILL, State.DRAINING, State.STANDBY},
    State.DRAINING: {State.STANDBY},
}


class RelayHealth(Health):
    """Health that also shows each shard's state. A standby is ready."""

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[str, State] = {}

    @property
    def report(self) -> dict[str, str]:
        return {**{name: state.value for name, state in self.states.items()}, **super().report}


class Status:
    """The state of one shard of a source and the health of its two servers.

    It also has the shard's name, the labels of its metrics, and the log of all its parts.
    """

    def __init__(self, source: str, shard: Shard, health: RelayHealth) -> None:
        self.name = source if shard.count == 1 else f"{source} {shard}"
        self.labels = {"source": source, "shard": str(shard)}
        self.log = structlog.get_logger("relay").bind(source=self.name)
        self._health = health
        self._health.states[self.name] = State.STANDBY
        self.database_failed("starting")

    @property
    def state(self) -> State:
        return self._health.states[self.name]

    def enter(self, state: State) -> None:
        """Change the state. ValueError for a transition that is not declared."""
        old = self.state
        if state is State.STANDBY:  # it has no connection to the broker any more
            self._clear("broker")
        if state is old:
            return
        if state not in TRANSITIONS[old]:
            raise ValueError(f"{old.value} → {state.value} is not a transition")
        self._health.states[self.name] = state
        self.log.info("the relay's state changed", state=state.value, before=old.value)

    def database_ok(self) -> None:
        self._health.ok(f"{self.name}.database")

    def database_failed(self, reason: str) -> None:
        self._health.fail(f"{self.name}.database", reason)

    def stream_ok(self) -> None:
        """Called repeatedly. The stream is in the report only once it has failed."""
        self._clear("stream")

    def stream_failed(self, reason: str) -> None:
        self._health.fail(f"{self.name}.stream", reason)

    def broker_ok(self) -> None:
        self._health.ok(f"{self.name}.broker")

    def broker_failed(self, reason: str) -> None:
        self._health.fail(f"{self.name}.broker", reason)

    def _clear(self, part: str) -> None:
        if f"{self.name}.{part}" in self._health.problems:
            self._health.ok(f"{self.name}.{part}")
