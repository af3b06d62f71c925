"""The consumer's handler: keeps the read model up to date with every event of every service."""

from collections.abc import Sequence

from contracts.events import Event
from postbox.events import Message
from postbox.inbox import Decided
from postbox.mongo import Database, Session
from postbox.telemetry import trace_id
from services.gateway.rules.forgetting import late
from services.gateway.views import Views


class Project:
    """Projects a batch of events onto the views that they are about."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, session: Session, messages: Sequence[Message[Event]]) -> list[Decided]:
        arriving = [(message.event.id, message.fact) for message in messages]
        ids = {fact.intent_id for _, fact in arriving}
        views = await Views.read(session, self._database, ids, arriving)
        outcomes = [_project(views, message) for message in messages]
        await views.write(session)
        return outcomes


def _project(views: Views, message: Message[Event]) -> Decided:
    event = message.event
    assert event.time is not None, "an event without a time is refused when it is decoded"
    trace = trace_id(event.traceparent)
    changed = views.project(message.fact, event_id=event.id, time=event.time, trace_id=trace)
    if not changed:
        return Decided("noop")
    return Decided("project", late(views.get(message.fact.intent_id), message.fact))
