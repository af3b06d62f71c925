"""The window: done only as a contiguous prefix, in flight at most once, bounded."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postbox.rabbitmq import Outcome, Outgoing
from relay.publish import Window


def message(number: int, body: bytes = b"{}") -> Outgoing:
    return Outgoing(
        exchange="events",
        routing_key="made",
        message_id=str(number),
        body=body,
        content_type="application/json",
    )


def window_of(count: int) -> Window:
    window = Window(messages_max=100, bytes_max=10_000)
    for number in range(count):
        window.add(message(number), {"at": number})
    return window


def tokens(window: Window) -> list[object]:
    return [entry.token and entry.token["at"] for entry in window.prefix(100)]


def test_a_gap_holds_back_everything_behind_it() -> None:
    window = window_of(4)
    window.take(4, 0.0)
    for confirmed in ("1", "3", "2"):
        window.settle(confirmed, Outcome.CONFIRMED)
        assert window.prefix(100) == []
    window.settle("0", Outcome.CONFIRMED)
    assert tokens(window) == [0, 1, 2, 3]


@given(st.permutations(range(12)))
def test_the_prefix_is_always_all_confirmed(order: list[int]) -> None:
    window = window_of(12)
    window.take(12, 0.0)
    confirmed: set[int] = set()
    removed = 0
    for number in order:
        window.settle(str(number), Outcome.CONFIRMED)
        confirmed.add(number)
        prefix = window.prefix(100)
        removed += len(prefix)
        window.remove(prefix)
        expected = next(n for n in range(13) if n not in confirmed)
        assert removed == expected
    assert len(window) == 0


async def test_a_token_is_passed_only_after_what_stands_before_it() -> None:
    window = window_of(1)
    window.add_token({"at": "later"})
    window.add_token({"at": "latest"})
    assert len(window) == 2, "tokens that follow each other are one entry"
    assert window.prefix(100) == []
    window.take(1, 0.0)
    window.settle("0", Outcome.CONFIRMED)
    assert tokens(window) == [0, "latest"]


async def test_what_a_closed_channel_left_is_sent_again_in_order() -> None:
    window = window_of(5)
    window.take(4, 0.0)
    window.settle("1", Outcome.CONFIRMED)
    assert window.requeue_in_flight() == 3
    again = [entry.message.message_id for entry in window.take(10, 1.0) if entry.message]
    assert again == ["0", "2", "3", "4"]
    assert window.take(10, 1.0) == [], "nothing is in flight twice"


@pytest.mark.parametrize("outcome", [Outcome.NACKED, Outcome.RETURNED])
async def test_a_rejected_message_waits_before_it_is_sent_again(outcome: Outcome) -> None:
    window = window_of(2)
    window.take(2, 0.0)
    window.settle("0", outcome)
    window.settle("1", Outcome.CONFIRMED)
    assert window.take(10, 0.0) == []
    assert window.prefix(100) == []
    await asyncio.wait_for(window.wait_sendable(), 5)
    (entry,) = window.take(10, 0.0)
    assert entry.number == 1
    assert entry.attempts == 1


async def test_it_is_bounded_in_messages_and_bytes_until_they_are_marked() -> None:
    for body, count in ((b"", 100), (b"x" * 1_000, 10)):
        window = Window(messages_max=100, bytes_max=10_000)
        for number in range(count):
            await asyncio.wait_for(window.wait_for_space(), 1)
            window.add(message(number, body), None)
        waiting = asyncio.ensure_future(window.wait_for_space())
        window.take(count, 0.0)
        for number in range(count):
            window.settle(str(number), Outcome.CONFIRMED)
        prefix = window.prefix(1)
        was_space_too_early = waiting.done()
        held = ["0" in window]
        window.remove(prefix)
        held.append("0" in window)
        assert held == [True, False]
        await asyncio.wait_for(waiting, 1)
        assert not was_space_too_early


async def test_waiting_for_a_full_window_ends_once_it_is_full() -> None:
    window = Window(messages_max=2, bytes_max=10_000)
    window.add(message(0), None)
    waiting = asyncio.ensure_future(window.wait_full(60))
    await asyncio.sleep(0)
    window.add(message(1), None)
    await asyncio.wait_for(waiting, 1)
    window.take(1, 0.0)
    window.settle("0", Outcome.CONFIRMED)
    window.remove(window.prefix(1))
    await asyncio.wait_for(window.wait_full(0.01), 1)


async def test_the_oldest_in_flight_is_known() -> None:
    window = window_of(3)
    seen = [window.oldest_sent_at_s]
    window.take(1, 1.0)
    window.take(2, 2.0)
    seen.append(window.oldest_sent_at_s)
    window.settle("0", Outcome.CONFIRMED)
    seen.append(window.oldest_sent_at_s)
    assert seen == [None, 1.0, 2.0]


async def test_it_is_empty_only_when_all_is_marked() -> None:
    window = window_of(1)
    empty = asyncio.ensure_future(window.wait_empty())
    window.take(1, 0.0)
    window.settle("0", Outcome.CONFIRMED)
    await asyncio.sleep(0)
    was_done_too_early = empty.done()
    window.remove(window.prefix(100))
    await asyncio.wait_for(empty, 1)
    assert not was_done_too_early


async def test_who_waits_for_what_is_there_does_not_wait_for_what_comes() -> None:
    window = window_of(2)
    waiting = asyncio.ensure_future(window.wait_marked())
    await asyncio.sleep(0)
    window.add(message(2), None)
    window.take(3, 0.0)
    for number in range(2):
        assert not waiting.done()
        window.settle(str(number), Outcome.CONFIRMED)
        window.remove(window.prefix(1))
        await asyncio.sleep(0)
    await asyncio.wait_for(waiting, 1)
    assert len(window) == 1
