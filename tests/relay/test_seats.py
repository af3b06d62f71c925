"""Seats are given out, asked back, and closed; and how many are fair."""

import asyncio

import pytest

from relay.members import fair_share
from relay.seats import Seats


@pytest.mark.parametrize("shards", [1, 4, 7, 16])
@pytest.mark.parametrize("relays", [1, 2, 3, 5, 20])
def test_fair_shares_are_even_and_add_up(shards: int, relays: int) -> None:
    alive = [f"relay {number}" for number in range(relays)]
    shares = [fair_share(alive, holder, shards) for holder in alive]
    assert sum(shares) == shards
    assert max(shares) - min(shares) <= 1
    assert shares == sorted(shares, reverse=True), "who came first has one more"


def test_who_is_not_seen_alive_has_no_share() -> None:
    assert fair_share(["a", "b"], "c", 4) == 0
    assert fair_share([], "c", 4) == 0


async def test_the_last_to_sit_down_is_asked_back() -> None:
    seats = Seats(2)
    with seats.take() as first, seats.take() as second:
        seats.allow(1)
        assert not first.asked_back.is_set()
        assert second.asked_back.is_set()


async def test_a_seat_is_free_when_somebody_gets_up_or_more_are_allowed() -> None:
    seats = Seats(1)
    with seats.take():
        waiting = asyncio.create_task(seats.free())
        await asyncio.sleep(0)
        assert not waiting.done()
    assert await waiting
    with seats.take():
        waiting = asyncio.create_task(seats.free())
        await asyncio.sleep(0)
        seats.allow(2)
        assert await waiting


async def test_closed_there_are_none_for_ever() -> None:
    seats = Seats(1)
    with seats.take() as seat:
        waiting = asyncio.create_task(seats.free())
        await asyncio.sleep(0)
        seats.close()
        assert seat.asked_back.is_set()
        assert not await waiting
    seats.allow(3)
    assert not await seats.free()
