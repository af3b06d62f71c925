"""Acknowledging many at once never sweeps along a delivery that still waits."""

import asyncio
from typing import Any, cast

import pytest
from aiormq.abc import AbstractChannel
from hypothesis import given
from hypothesis import strategies as st

from postbox.consumer.unsettled import Unsettled


class RecordingChannel:
    """Knows, as the broker would, which deliveries an acknowledgement covers."""

    def __init__(self, tags: list[int]) -> None:
        self.unacknowledged = list(tags)
        self.frames: list[tuple[int, bool]] = []

    async def basic_ack(self, tag: int, multiple: bool = False, wait: bool = True) -> None:
        await asyncio.sleep(0)  # a write may have to wait for its turn
        covered = [one for one in self.unacknowledged if one == tag or (multiple and one < tag)]
        assert tag in covered, f"{tag} is unknown: the broker would close the channel"
        self.frames.append((tag, multiple))
        self.unacknowledged = [one for one in self.unacknowledged if one not in covered]


def unsettled(tags: list[int]) -> tuple[Unsettled, RecordingChannel]:
    channel = RecordingChannel(tags)
    unsettled = Unsettled(cast(AbstractChannel, channel))
    for tag in tags:
        unsettled.add(tag)
    return unsettled, channel


@pytest.mark.parametrize(
    ("settled", "frames"),
    [
        ([1, 2, 3, 4, 5], [(5, True)]),
        ([1, 2, 3], [(3, True)]),
        ([1, 2, 4, 5], [(2, True), (4, False), (5, False)]),
        ([3, 2], [(2, False), (3, False)]),
        ([], []),
    ],
)
async def test_the_oldest_run_goes_by_one_frame(
    settled: list[int], frames: list[tuple[int, Any]]
) -> None:
    waiting, channel = unsettled([1, 2, 3, 4, 5])
    await waiting.settle(settled)
    assert channel.frames == frames
    assert channel.unacknowledged == sorted({1, 2, 3, 4, 5} - set(settled))
    assert len(waiting) == len(channel.unacknowledged)


@given(st.data())
async def test_the_broker_and_we_agree_on_what_waits(data: st.DataObject) -> None:
    tags = list(range(1, 13))
    waiting, channel = unsettled(tags)
    left = set(tags)
    while left:
        batch = data.draw(st.sets(st.sampled_from(sorted(left)), min_size=1))
        await waiting.settle(batch)
        left -= batch
        assert set(channel.unacknowledged) == left
        assert len(waiting) == len(left)


async def test_lanes_that_settle_at_once_do_not_acknowledge_twice() -> None:
    """A run that passes over what another lane is still to acknowledge would be a second time."""
    waiting, channel = unsettled([1, 2, 3, 4, 5])
    await asyncio.gather(waiting.settle([3, 4]), waiting.settle([1, 2]), waiting.settle([5]))
    assert channel.unacknowledged == []
    assert len(waiting) == 0
