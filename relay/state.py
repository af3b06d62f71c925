"""What a relay does at the moment: one state a source, logged and shown at /readyz."""

from enum import Enum
from typing import Final

import structlog

from postbox.health import Health


class State(Enum):
    """`standby → backfill → streaming → draining`, and back to standby when the lease is lost."""

    STANDBY = "standby"  # another relay holds the lease, or a server is away
    BACKFILL = "backfill"  # publishes pending rows, since there is no usable token
    STREAMING = "streaming"  # follows the change stream
    DRAINING = "draining"  # was asked to stop: finishes what is under way


TRANSITIONS: Final = {
    State.STANDBY: {State.BACKFILL, State.STREAMING, State.DRAINING},
    State.BACKFILL: {State.STREAMING, State.DRAINING, State.STANDBY},
    State.STREAMING: {State.BACKFILL, State.DRAINING, State.STANDBY},
    State.DRAINING: {State.STANDBY},
}


class RelayHealth(Health):
    """Health that also tells each source's state. A standby is ready."""

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[str, State] = {}

    @property
    def report(self) -> dict[str, str]:
        return {**{name: state.value for name, state in self.states.items()}, **super().report}


class Status:
    """The state of one shard of a source and the health of its two servers."""

    def __init__(self, source: str, health: RelayHealth) -> None:
        self.source = source
        self._health = health
        self._log = structlog.get_logger("relay").bind(source=source)
        self._health.states[source] = State.STANDBY
        self._health.fail(f"{source}.database", "starting")

    @property
    def state(self) -> State:
        return self._health.states[self.source]

    def enter(self, state: State) -> None:
        """Change the state. ValueError for a transition that is not declared."""
        old = self.state
        if state is old:
            return
        if state not in TRANSITIONS[old]:
            raise ValueError(f"{old.value} → {state.value} is not a transition")
        self._health.states[self.source] = state
        if state is State.STANDBY:  # what the broker said last is no longer its concern
            self._clear("broker")
        self._log.info("the relay's state changed", state=state.value, before=old.value)

    def database_ok(self) -> None:
        self._health.ok(f"{self.source}.database")

    def database_failed(self, reason: str) -> None:
        self._health.fail(f"{self.source}.database", reason)

    def stream_ok(self) -> None:
        """Said again and again; it is a part of the report only while, and since, it failed."""
        self._clear("stream")

    def stream_failed(self, reason: str) -> None:
        self._health.fail(f"{self.source}.stream", reason)

    def broker_ok(self) -> None:
        self._health.ok(f"{self.source}.broker")

    def broker_failed(self, reason: str) -> None:
        self._health.fail(f"{self.source}.broker", reason)

    def _clear(self, part: str) -> None:
        if f"{self.source}.{part}" in self._health.problems:
            self._health.ok(f"{self.source}.{part}")
