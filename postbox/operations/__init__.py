"""What a person on call can see and do: backlog, dead letters, redrive, replay, relay status.

Guarantees that whatever is sent again is confirmed before it is removed, and prints nothing.
Imports mongo, outbox and rabbitmq.
"""

from postbox.extras import requires

with requires("rabbitmq"):
    from postbox.operations import backlog, redrive, replay
    from postbox.operations.backlog import RowSelection
    from postbox.operations.dead_letters import DeadLetter, NoSuchQueue
    from postbox.operations.redrive import Done, Found, Selection
    from postbox.operations.relay_status import ShardStatus, SourceStatus, standing
    from postbox.operations.replay import COUNT_MAX, TimeRange

__all__ = [
    "COUNT_MAX",
    "DeadLetter",
    "Done",
    "Found",
    "NoSuchQueue",
    "RowSelection",
    "Selection",
    "ShardStatus",
    "SourceStatus",
    "TimeRange",
    "backlog",
    "redrive",
    "replay",
    "standing",
]
