"""What a person decides about messages that were set aside: redrive them, or drop them.

A message is published again as it came, confirmed, and only then removed from its queue: a crash
between the two makes a repeat, which the inbox absorbs, and never a loss.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from postbox.operations.dead_letters import DeadLetter, opened
from postbox.rabbitmq import Outgoing, Publisher, dead_letter
from postbox.runtime import crash_point

MESSAGES_MAX: Final = 10_000
"""How many messages of a queue are looked at in one run."""
BYTES_MAX: Final = 64 * 1024 * 1024
"""How much of their bodies is held at a time."""
CONFIRM_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which messages: those for which everything that is given here holds. Nothing given: all."""

    ids: frozenset[str] | None = None
    type: str | None = None
    reason: str | None = None

    def __contains__(self, message: DeadLetter) -> bool:
        return (
            (self.ids is None or message.id in self.ids)
            and (self.type is None or message.type == self.type)
            and (self.reason is None or message.reason == self.reason)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The messages that were selected, and how many were not looked at."""

    messages: list[DeadLetter]
    unseen: int


ALL: Final = Selection()
Done = Callable[[DeadLetter], None]


async def find(
    uri: str, queue: str, selection: Selection = ALL, *, most: int = MESSAGES_MAX
) -> Found:
    """Look at the messages of `queue`, which all stay there; holds up to `most`, and 64 MiB."""
    async with opened(uri, queue) as dead_queue:
        messages: list[DeadLetter] = []
        held_bytes = 0
        async for message in dead_queue.take(MESSAGES_MAX):
            if message in selection:
                messages.append(message)
                held_bytes += len(message.body)
            if len(messages) >= most or held_bytes >= BYTES_MAX:
                break
        return Found(messages=messages, unseen=dead_queue.unseen)


async def redrive(
    uri: str,
    queue: str,
    selection: Selection,
    *,
    done: Done,
    exchange: str = "",
    to_queue: str | None = None,
) -> None:
    """Publish messages again and remove each from `queue`; `done` is called with every one.

    They go to the queue that they came from, or to `to_queue`, past every exchange, so that no
    other consumer gets them; or, where an exchange is named, to that, under their own routing key.
    What `done` raises ends it; the messages that are left return to the queue.
    """
    async with opened(uri, queue) as dead_queue:
        publisher = Publisher(dead_queue.channel)
        async for message in dead_queue.take(MESSAGES_MAX):
            if message not in selection:
                continue
            await publisher.publish(again(message, exchange, to_queue), timeout_s=CONFIRM_TIMEOUT_S)
            crash_point("redrive.published")
            await dead_queue.settle(message)
            done(message)


async def drop(uri: str, queue: str, selection: Selection, *, done: Done) -> None:
    """Remove messages from `queue` for good; `done` is called with every one."""
    async with opened(uri, queue) as dead_queue:
        async for message in dead_queue.take(MESSAGES_MAX):
            if message in selection:
                await dead_queue.settle(message)
                done(message)


def again(message: DeadLetter, exchange: str = "", to_queue: str | None = None) -> Outgoing:
    """The message as it was before it was set aside."""
    origin = to_queue or message.origin or message.routing_key
    key = message.routing_key if not exchange and message.routing_key != origin else None
    return Outgoing.passed_on(
        exchange=exchange,
        routing_key=message.routing_key if exchange else origin,
        message_id=message.message_id,
        raw=dead_letter.redriven(message.raw, message.queue, key=key),
        body=message.body,
    )
