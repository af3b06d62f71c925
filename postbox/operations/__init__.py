"""What a person on call can see and do: backlog, schedule, dead letters, replay, relay status.

Guarantees that whatever is sent again is confirmed before it is removed, and prints nothing.
Imports mongo, outbox and rabbitmq.
"""

from postbox.extras import requires

with requires("rabbitmq"):
    from postbox.operations import backlog, redrive, replay, scheduled
    from postbox.operations.backlog import RowSelection
    from postbox.operations.dead_letters import DeadLetter, NoSuchQueue
    from postbox.operations.event_search import Criteria, Page, search
    from postbox.operations.queues import QueueStatus, QueueWatch, bind
    from postbox.operations.rates import Flow, flow
    from postbox.operations.readable import plain, seconds
    from postbox.operations.redrive import Done, Found, Selection
    from postbox.operations.relay_status import (
        Background,
        ShardStatus,
        SourceStatus,
        background,
        standing,
    )
    from postbox.operations.replay import COUNT_MAX, TimeRange
    from postbox.operations.scheduled import Became, Place
    from postbox.operations.uptake import Uptake, taken_up

__all__ = [
    "COUNT_MAX",
    "Background",
    "Became",
    "Criteria",
    "DeadLetter",
    "Done",
    "Flow",
    "Found",
    "NoSuchQueue",
    "Page",
    "Place",
    "QueueStatus",
    "QueueWatch",
    "RowSelection",
    "Selection",
    "ShardStatus",
    "SourceStatus",
    "TimeRange",
    "Uptake",
    "background",
    "backlog",
    "bind",
    "flow",
    "plain",
    "redrive",
    "replay",
    "scheduled",
    "search",
    "seconds",
    "standing",
    "taken_up",
]
