"""The consumer's handler: keeps the read model up to date with every event of every service."""

from collections.abc import Sequence

from contracts.events import Event
from postbox.events import Message
from postbox.inbox import Decided
from postbox.mongo import Database, Session, States
from postbox.telemetry import trace_id
from services.gateway.rules.core import project
from services.gateway.rules.view import View


class Project:
    """Projects a batch of events onto the views that they are about."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, session: Session, messages: Sequence[Message[Event]]) -> list[Decided]:
        ids = {message.fact.intent_id for message in messages}
        views = await States.read(session, self._database["views"], ids)
        outcomes = [Decided(self._project(views, message)) for message in messages]
        await views.write(session)
        return outcomes

    def _project(self, views: States, message: Message[Event]) -> str:
        event, fact = message.event, message.fact
        document = views.get(fact.intent_id)
        before = None if document is None else View.from_document(document)
        after = project(
            before,
            fact,
            event_id=event.id,
            time=event.time,
            trace_id=trace_id(event.traceparent),
        )
        if after == before:
            return "noop"
        views.put(fact.intent_id, after.to_document())
        return "project"
