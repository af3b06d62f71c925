"""Group commit: what arrives together is committed together; nobody pays for another's mistake."""

import asyncio
from collections.abc import Sequence

import pytest

from postbox.errors import DatabaseUnavailable
from postbox.service import GroupCommit, Submission, group_commit
from postbox.service.group_commit import SMALL_GROUP, Overloaded
from postbox.telemetry import context_of, current_trace, under


class Till:
    """Commits groups of numbers; -1 is a request that breaks its group."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.groups: list[list[int]] = []
        self.committed: list[int] = []
        self.is_asked = asyncio.Event()
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def commit(self, submissions: Sequence[Submission[int]]) -> list[str]:
        numbers = [submission.request for submission in submissions]
        self.groups.append(numbers)
        self.is_asked.set()
        await self.is_open.wait()
        if self.error is not None:
            raise self.error
        if -1 in numbers:
            raise ZeroDivisionError
        self.committed += numbers
        return [f"reply to {number}" for number in numbers]


async def test_each_gets_its_own_reply_after_its_commit() -> None:
    till = Till()
    commits: GroupCommit[int, str] = GroupCommit(till.commit)

    async def one(number: int) -> None:
        assert await commits.submit(number) == f"reply to {number}"
        assert number in till.committed

    await asyncio.gather(*(one(number) for number in range(10)))
    assert till.groups == [list(range(10))]


async def test_while_one_group_commits_the_next_gathers_up_to_its_bound() -> None:
    till = Till()
    till.is_open.clear()
    commits: GroupCommit[int, str] = GroupCommit(till.commit, group_max=4, groups_max=1)
    first = asyncio.create_task(commits.submit(0))
    await till.is_asked.wait()
    others = [asyncio.create_task(commits.submit(number)) for number in range(1, 10)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in (first, *others))
    till.is_open.set()
    await asyncio.gather(first, *others)
    assert till.groups == [[0], [1, 2, 3, 4], [5, 6, 7, 8], [9]]


async def test_a_request_does_not_wait_for_the_group_before_it() -> None:
    till = Till()
    till.is_open.clear()
    commits: GroupCommit[int, str] = GroupCommit(till.commit, groups_max=4, idle_cores_min=0)
    waiting = []
    for number in range(6):
        waiting.append(asyncio.create_task(commits.submit(number)))
        for _ in range(3):
            await asyncio.sleep(0)
    assert till.groups == [[0], [1], [2], [3]], "so many at once, and no more"
    till.is_open.set()
    await asyncio.gather(*waiting)
    assert till.groups[4:] == [[4, 5]]


async def test_while_no_core_idles_groups_commit_one_at_a_time() -> None:
    till = Till()
    till.is_open.clear()
    commits: GroupCommit[int, str] = GroupCommit(till.commit, idle_cores_min=1_000_000)
    waiting = []
    for number in range(3):
        waiting.append(asyncio.create_task(commits.submit(number)))
        for _ in range(3):
            await asyncio.sleep(0)
    till.is_open.set()
    await asyncio.gather(*waiting)
    assert till.groups == [[0], [1, 2]]


async def test_full_groups_commit_one_at_a_time() -> None:
    till = Till()
    commits: GroupCommit[int, str] = GroupCommit(till.commit, groups_max=4, idle_cores_min=0)
    for _ in range(4):
        await asyncio.gather(*(commits.submit(number) for number in range(2 * SMALL_GROUP)))
    till.groups.clear()
    till.is_open.clear()
    waiting = [asyncio.create_task(commits.submit(0))]
    for number in (1, 2):
        for _ in range(3):
            await asyncio.sleep(0)
        waiting.append(asyncio.create_task(commits.submit(number)))
    till.is_open.set()
    await asyncio.gather(*waiting)
    assert till.groups == [[0], [1, 2]]


async def test_a_request_that_breaks_its_group_harms_no_other() -> None:
    till = Till()
    commits: GroupCommit[int, str] = GroupCommit(till.commit)
    replies = await asyncio.gather(
        *(commits.submit(number) for number in (1, -1, 2)), return_exceptions=True
    )
    assert replies[0] == "reply to 1"
    assert isinstance(replies[1], ZeroDivisionError)
    assert replies[2] == "reply to 2"
    assert till.committed == [1, 2]


async def test_while_the_database_is_away_nobody_is_tried_one_by_one() -> None:
    till = Till(error=DatabaseUnavailable("away"))
    commits: GroupCommit[int, str] = GroupCommit(till.commit)
    replies = await asyncio.gather(
        *(commits.submit(number) for number in range(5)), return_exceptions=True
    )
    assert all(isinstance(reply, DatabaseUnavailable) for reply in replies)
    assert len(till.groups) == 1


async def test_while_the_database_is_away_nobody_waits_for_a_turn_to_hear_it() -> None:
    till = Till(error=DatabaseUnavailable("away"))
    commits: GroupCommit[int, str] = GroupCommit(till.commit, group_max=2, groups_max=1)
    replies = await asyncio.gather(
        *(commits.submit(number) for number in range(10)), return_exceptions=True
    )
    assert all(isinstance(reply, DatabaseUnavailable) for reply in replies)
    assert till.groups == [[0, 1]]
    till.error = None
    assert await commits.submit(11) == "reply to 11"


async def test_a_client_that_goes_away_changes_nothing_for_the_others() -> None:
    till = Till()
    till.is_open.clear()
    commits: GroupCommit[int, str] = GroupCommit(till.commit)
    gone, stays = (asyncio.create_task(commits.submit(number)) for number in (1, 2))
    await till.is_asked.wait()
    gone.cancel()
    till.is_open.set()
    assert await stays == "reply to 2"
    assert await commits.submit(3) == "reply to 3"


async def test_there_is_a_bound_on_how_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "WAITING_MAX", 3)
    till = Till()
    commits: GroupCommit[int, str] = GroupCommit(till.commit)
    waiting = [asyncio.create_task(commits.submit(number)) for number in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await commits.submit(4)
    assert await asyncio.gather(*waiting) == ["reply to 0", "reply to 1", "reply to 2"]


async def test_each_request_brings_its_own_trace() -> None:
    traces: list[str] = []

    async def commit(submissions: Sequence[Submission[int]]) -> list[None]:
        for submission in submissions:
            with under(submission.context):
                traces.append(current_trace()["traceparent"].split("-")[1])
        return [None] * len(submissions)

    commits: GroupCommit[int, None] = GroupCommit(commit)

    async def one(number: int) -> None:
        with under(context_of(f"00-{number:032x}-b7ad6b7169203331-01")):
            await commits.submit(number)

    await asyncio.gather(*(one(number) for number in (1, 2, 3)))
    assert traces == [f"{number:032x}" for number in (1, 2, 3)]
