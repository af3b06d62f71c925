"""What a person decides about letters: send them again, or drop them.

A letter is sent again under the same message id, confirmed, and only then taken out of its queue:
a crash between the two makes a repeat, which the inbox absorbs, and never a loss.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from postbox.operations.dead_letters import DeadLetter, opened
from postbox.rabbitmq import Outgoing, Publisher
from postbox.runtime import crash_point

LETTERS_MAX: Final = 10_000
"""How many letters of a queue are looked at in one go."""
BYTES_MAX: Final = 64 * 1024 * 1024
"""How much of their bodies is held at a time."""
CONFIRM_TIMEOUT_S: Final = 10.0
_OURS: Final = "x-postbox-"
_BROKERS: Final = ("x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which letters: those for which everything that is given here holds. Nothing given: all."""

    ids: frozenset[str] | None = None
    type: str | None = None
    reason: str | None = None

    def __contains__(self, letter: DeadLetter) -> bool:
        return (
            (self.ids is None or letter.id in self.ids)
            and (self.type is None or letter.type == self.type)
            and (self.reason is None or letter.reason == self.reason)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The letters that were selected, and how many were not looked at."""

    letters: list[DeadLetter]
    unseen: int


ALL: Final = Selection()
Done = Callable[[DeadLetter], None]


async def find(
    uri: str, queue: str, selection: Selection = ALL, *, most: int = LETTERS_MAX
) -> Found:
    """Look at the letters of `queue`, which all stay there; holds up to `most`, and 64 MiB."""
    async with opened(uri, queue) as box:
        letters: list[DeadLetter] = []
        held_bytes = 0
        async for letter in box.take(LETTERS_MAX):
            if letter in selection:
                letters.append(letter)
                held_bytes += len(letter.body)
            if len(letters) >= most or held_bytes >= BYTES_MAX:
                break
        return Found(letters=letters, unseen=await box.waiting())


async def redrive(
    uri: str, queue: str, selection: Selection, *, done: Done, exchange: str = ""
) -> None:
    """Send letters again and take each out of `queue`; `done` hears of every one.

    They go to the queue that they came from, past every exchange, so that no other consumer gets
    them; or, where an exchange is named, to that, under their own routing key.
    """
    async with opened(uri, queue) as box:
        publisher = Publisher(box.channel)
        async for letter in box.take(LETTERS_MAX):
            if letter not in selection:
                continue
            await publisher.publish(again(letter, exchange), timeout_s=CONFIRM_TIMEOUT_S)
            crash_point("redrive.published")
            await box.settle(letter)
            done(letter)


async def drop(uri: str, queue: str, selection: Selection, *, done: Done) -> None:
    """Take letters out of `queue` for good; `done` hears of every one."""
    async with opened(uri, queue) as box:
        async for letter in box.take(LETTERS_MAX):
            if letter in selection:
                await box.settle(letter)
                done(letter)


def again(letter: DeadLetter, exchange: str = "") -> Outgoing:
    """The message as it was before it was set aside."""
    return Outgoing(
        exchange=exchange,
        routing_key=letter.routing_key if exchange else letter.origin or letter.routing_key,
        message_id=letter.id,
        body=letter.body,
        content_type=letter.content_type or "application/octet-stream",
        type=letter.type,
        headers=_without_its_death(letter.headers),
    )


def _without_its_death(headers: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in headers.items() if not name.startswith((_OURS, *_BROKERS))
    }
