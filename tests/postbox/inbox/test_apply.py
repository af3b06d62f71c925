"""A handler sees no message twice, whether or not the inbox is read beforehand."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest
from opentelemetry.context import Context
from pymongo import monitoring

from postbox.events import Event, Message
from postbox.inbox import Apply, Decided, Inbox
from postbox.mongo import Session, connect, own_database
from postbox.outbox import Outbox
from tests.conftest import Space


class InboxReads(monitoring.CommandListener):
    """How often the inbox was read."""

    def __init__(self) -> None:
        self.count = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.count += event.command.get("find") == "inbox"

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


class Shop:
    """Applies orders by their ids, and remembers what its handler was given."""

    def __init__(self, apply: Apply[str], reads: InboxReads) -> None:
        self._apply = apply
        self._reads = reads
        self.given: list[list[str]]

    async def handle(self, session: Session, messages: Sequence[Message[str]]) -> list[Decided]:
        self.given.append([message.event.id for message in messages])
        return [Decided("counted") for _ in messages]

    async def takes(self, *ids: str) -> tuple[list[str], int]:
        """What was decided on each, and how often the inbox was read for it."""
        before, self.given = self._reads.count, []
        decided = await self._apply([_message(one) for one in ids])
        return [one.outcome for one in decided], self._reads.count - before


def _message(event_id: str) -> Message[str]:
    event = Event(
        id=event_id,
        type="order.placed",
        subject=event_id,
        source="/test",
        time=datetime.now(UTC),
        data={},
    )
    return Message(event, event_id, Context())


@pytest.fixture
async def shop(space: Space) -> AsyncIterator[Shop]:
    reads = InboxReads()
    async with connect(space.mongo_uri, application="tests", listeners=(reads,)) as client:
        database = own_database(client)
        inbox, outbox = Inbox(database, consumer="shop"), Outbox(database, source="/test")
        await inbox.prepare()
        await outbox.prepare()

        async def handle(session: Session, messages: Sequence[Message[str]]) -> list[Decided]:
            return await opened.handle(session, messages)

        opened = Shop(Apply(client, inbox, outbox, handle), reads)
        yield opened


async def test_the_inbox_is_read_where_there_is_a_repeat(shop: Shop) -> None:
    assert await shop.takes("a", "b") == (["counted", "counted"], 0)
    assert await shop.takes("b", "c") == (["duplicate", "counted"], 1)
    assert await shop.takes("a", "b") == (["duplicate", "duplicate"], 1)
    assert await shop.takes("d", "d") == (["counted", "duplicate"], 0)


async def test_a_handler_is_never_given_a_repeat(shop: Shop) -> None:
    """Goal: not even on a try that is refused. Method: a batch for which the inbox is not read."""
    await shop.takes("a")
    outcomes, _ = await shop.takes("a", "c", "c")
    assert outcomes == ["duplicate", "counted", "duplicate"]
    assert shop.given == [["c"]]
