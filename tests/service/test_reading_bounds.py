"""However many bookings there are, a page reads few of them, by an index."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from contracts.values import Slot
from postbox.mongo import Client, own_database
from services.gateway.reading import lists
from services.gateway.reading.lists import Lists
from services.gateway.reading.queries import BookingsQuery, Place, SlotsQuery
from services.gateway.requests import parse
from services.gateway.rules.view import Status, View

NOON: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)


def view(number: int, **fields: Any) -> dict[str, Any]:
    made = View(
        intent_id=f"i{number:05}",
        user_id=f"u{number % 3}",
        created_at=NOON + timedelta(milliseconds=number // 4),
        **fields,
    )
    return {**made.to_document(), "v": 0}


@pytest.fixture
async def read(client: Client) -> Lists:
    database = own_database(client)
    await Lists.prepare(database)
    await Lists.prepare(database)  # again, as every start does
    room = Slot(resource_id="room", starts_at=NOON, ends_at=NOON + HOUR)
    rows = [view(n, status=Status.FAILED, slot=room) for n in range(3_000)]
    rows += [view(n, status=Status.PENDING, slot=room) for n in range(3_000, 3_010)]
    await database["views"].insert_many(rows)
    await database["views"].insert_one({**View(intent_id="early").to_document(), "v": 0})
    return Lists(database)


async def test_pages_of_one_moment_lose_and_repeat_nothing(read: Lists) -> None:
    query, found = parse(BookingsQuery, {"limit": "7"}), list[str]()
    place: Place | None = None
    for _ in range(20):
        page = await read.bookings(query.model_copy(update={"cursor": place}), "u1")
        found += [row["_id"] for row in page.rows]
        place = page.next
        assert place is not None
        assert Place.read(place.cursor()) == place
    assert found == [f"i{n:05}" for n in range(3_009, -1, -1) if n % 3 == 1][: 7 * 20]


async def test_a_page_of_what_is_rare_ends_and_can_be_gone_on_from(
    read: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "READ_MAX", 300)
    query = parse(BookingsQuery, {"status": "confirmed"})
    pages, place = 0, None
    while pages == 0 or place is not None:
        page = await read.bookings(query.model_copy(update={"cursor": place}), "u1")
        assert page.rows == []
        pages, place = pages + 1, page.next
    assert pages == 4  # of about a thousand


@pytest.mark.parametrize("user_id", ["u1", None])
async def test_bookings_are_read_by_an_index(
    read: Lists, client: Client, user_id: str | None
) -> None:
    database = own_database(client)
    await database.command("profile", 2)
    place = Place(NOON + timedelta(milliseconds=500), "i01000")
    query = parse(BookingsQuery, {"limit": "10"}).model_copy(update={"cursor": place})
    page = await read.bookings(query, user_id)
    assert len(page.rows) == 10
    await by_an_index(client, keys_max=lists.READ_MAX + 10)


async def test_slots_are_read_by_an_index_alone(read: Lists, client: Client) -> None:
    await own_database(client).command("profile", 2)
    taken = await read.taken("room", SlotsQuery(), NOON)
    assert taken["taken"] == [
        {"startsAt": "2026-01-31T12:00:00Z", "endsAt": "2026-01-31T13:00:00Z"}
    ]
    read_by = await by_an_index(client, keys_max=20)
    assert read_by["docsExamined"] == 0


async def test_an_answer_about_slots_says_how_far_it_goes(
    read: Lists, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "TAKEN_READ_MAX", 10)
    later = Slot(resource_id="room", starts_at=NOON + HOUR, ends_at=NOON + 2 * HOUR)
    await own_database(client)["views"].insert_one(view(9_000, slot=later, status=Status.CONFIRMED))
    taken = await read.taken("room", SlotsQuery(), NOON)
    assert (taken["to"], len(taken["taken"])) == ("2026-01-31T13:00:00Z", 1)


async def by_an_index(client: Client, *, keys_max: int) -> Mapping[str, Any]:
    """What the server says of the newest query: by an index, and few keys of it."""
    database = own_database(client)
    await database.command("profile", 0)
    profile = database["system.profile"].find({"op": "query", "ns": f"{database.name}.views"})
    (newest,) = await profile.sort("ts", -1).limit(1).to_list()
    assert "IXSCAN" in newest["planSummary"]
    assert "COLLSCAN" not in newest["planSummary"]
    assert not newest.get("hasSortStage")
    assert newest["keysExamined"] <= keys_max
    found: Mapping[str, Any] = newest
    return found
