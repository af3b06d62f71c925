"""Permits are granted and revoked; and which share of the shards is fair."""

import asyncio

import pytest

from relay.lead import LeaderQuota
from relay.lead.rebalancer import fair_share


@pytest.mark.parametrize("shards", [1, 4, 7, 16])
@pytest.mark.parametrize("relays", [1, 2, 3, 5, 20])
def test_fair_shares_are_even_and_add_up(shards: int, relays: int) -> None:
    alive = [f"relay {number}" for number in range(relays)]
    shares = [fair_share(alive, holder, shards) for holder in alive]
    assert sum(shares) == shards
    assert max(shares) - min(shares) <= 1
    assert shares == sorted(shares, reverse=True), "who joined first has one more"


def test_a_relay_that_is_not_alive_has_no_share() -> None:
    assert fair_share(["a", "b"], "c", 4) == 0
    assert fair_share([], "c", 4) == 0


async def test_the_newest_permit_is_revoked_first() -> None:
    quota = LeaderQuota(2)
    with quota.take() as first, quota.take() as second:
        quota.allow(1)
        assert not first.revoked.is_set()
        assert second.revoked.is_set()


async def test_a_permit_is_available_when_one_is_returned_or_more_are_allowed() -> None:
    quota = LeaderQuota(1)
    with quota.take():
        waiting = asyncio.create_task(quota.available())
        await asyncio.sleep(0)
        assert not waiting.done()
    assert await waiting
    with quota.take():
        waiting = asyncio.create_task(quota.available())
        await asyncio.sleep(0)
        quota.allow(2)
        assert await waiting


async def test_a_closed_quota_grants_no_permit() -> None:
    quota = LeaderQuota(1)
    with quota.take() as permit:
        waiting = asyncio.create_task(quota.available())
        await asyncio.sleep(0)
        quota.close()
        assert permit.revoked.is_set()
        assert not await waiting
    quota.allow(3)
    assert not await quota.available()
