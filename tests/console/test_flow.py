"""A flow is told from rows and inboxes alone, and drawn so that everything is on the picture."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from postbox.console.flow.layout import SIZES, Picture, Size, drawn
from postbox.console.flow.story import Story, told
from postbox.mongo import Document
from postbox.operations import Uptake
from tests.cli.harness import CliHarness
from tests.console.harness import Browser

START = datetime(2026, 11, 27, 12, tzinfo=UTC)
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


def at(ms: float) -> datetime:
    return START + timedelta(milliseconds=ms)


def row(id_: str, ms: float, type_: str = "order.placed", **changes: object) -> Document:
    return {
        "_id": id_, "type": type_, "subject": "o1", "source": "/x", "time": at(ms), "data": {},
        "state": "published", "published_at": at(ms + 4), "traceparent": TRACE, **changes,
    }  # fmt: skip


def took(event_id: str, ms: float, consumer: str = "c") -> Uptake:
    return Uptake(event_id=event_id, consumer=consumer, at=at(ms))


@pytest.fixture
def story() -> Story:
    """The shop's order is billed at once, shipped much later, and the shop hears of its own."""
    rows = [
        ("billing", row("2", 31, "order.billed")),
        ("shop", row("1", 0)),
        ("stock", row("3", 9_000, "order.shipped", state="pending", traceparent=None)),
        (
            "stock",
            row("4", 9_100, "order.odd", state="parked", parked={"reason": "too long " * 20}),
        ),
    ]
    uptakes: Mapping[str, Sequence[Uptake]] = {
        "billing": [took("1", 30)],
        "shop": [took("1", 25), took("2", 60)],
        "stock": [took("2", 80)],
    }
    return told(rows, uptakes)


def test_a_story_knows_what_followed_from_what(story: Story) -> None:
    assert [step.id for step in story.steps] == ["1", "2", "3", "4"]
    assert list(story.lanes) == ["shop", "billing", "stock"]
    assert [step.cause for step in story.steps] == [None, "1", None, None]
    billed = story.steps[1]
    assert billed.worked_ms == 1
    assert [(one.lane, one.after_ms) for one in billed.taken] == [("shop", 29), ("stock", 49)]
    assert story.took_ms == 9_100


def test_an_event_of_another_trace_at_the_same_moment_follows_from_nothing() -> None:
    other = f"00-{'c' * 32}-{'b' * 16}-01"
    rows = [("a", row("1", 0)), ("b", row("2", 10, traceparent=other))]
    assert told(rows, {"b": [took("1", 10)]}).steps[1].cause is None


@pytest.mark.parametrize("size", SIZES, ids=lambda size: size.name)
def test_all_of_a_story_is_on_the_picture(story: Story, size: Size) -> None:
    picture = drawn(story, size)
    heights = [node.y for node in picture.nodes]
    assert heights == sorted(heights)
    assert [pause.label for pause in picture.breaks] == ["8.92 s"]
    notes = [node.note or "" for node in picture.nodes]
    assert notes[:3] == ["", "", "waits for a relay"]
    assert notes[3].startswith("parked: too")
    assert 0 < max(heights) < picture.height
    for node in picture.nodes:
        for arrow in node.arrows:
            assert node.y < arrow.y < picture.height
    billed = picture.nodes[1]
    assert billed.work is not None
    assert billed.work[1] + billed.work[2] == pytest.approx(billed.y)
    assert _texts_fit(picture)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: size.name)
@pytest.mark.parametrize("lanes", [1, 2, 8, 14])
def test_any_number_of_sources_fits(lanes: int, size: Size) -> None:
    rows = [(f"source{n}", row(str(n), n * 10, "a.rather.long.type")) for n in range(lanes)]
    picture = drawn(told(rows, {f"source{n}": [took("0", 500 + n)] for n in range(lanes)}), size)
    xs = [lane.x for lane in picture.lanes]
    assert xs == sorted(set(xs))
    assert min(xs) > 0
    assert max(xs) < size.width
    assert _texts_fit(picture)


def test_consumers_are_named_where_a_lane_has_several_and_there_is_room() -> None:
    uptakes = {"shop": [took("1", 20, "mail"), took("1", 30, "stock")]}
    story = told([("shop", row("1", 0))], uptakes)
    narrow, wide = ([arrow.label for arrow in drawn(story, size).nodes[0].arrows] for size in SIZES)
    assert narrow == ["20 ms", "30 ms"]
    assert wide == ["mail 20 ms", "stock 30 ms"]


async def test_the_page_has_the_picture_and_the_table(
    browser: Browser, harness: CliHarness
) -> None:
    (id_,) = await harness.add_published(1, age_s=1, subject="o1")
    (other,) = await harness.add(1, subject="o1", traceparent=TRACE)
    await harness.database["inbox"].insert_one({"_id": f"mail/{id_}", "at": datetime.now(UTC)})

    page = await browser.html("/flow?subject=o1")
    assert page.count('<svg class="flow') == len(SIZES)
    assert f'href="/events/shop/{id_}"' in page
    assert "taken up by mail after" in page
    assert not re.search(r"<svg[^>]*style=", page)
    found = await browser.json("/flow?subject=o1")
    assert [step["id"] for step in found["steps"]] == [id_, other]
    assert found["steps"][0]["taken_up"][0]["consumer"] == "mail"
    by_trace = await browser.json(f"/flow?trace={'a' * 32}")
    assert [step["id"] for step in by_trace["steps"]] == [other]
    assert "No event of this subject" in await browser.html("/flow?subject=nobody")
    await browser.json("/flow", 422)


def _texts_fit(picture: Picture) -> bool:
    for node in picture.nodes:
        width = len(str(node.step.event["type"])) * 6.5
        width = max(width, len(node.note or "") * 5.5)
        left = node.label_x - (width if node.anchor == "end" else 0)
        assert left >= 0, node
        assert left + width <= picture.size.width, node
    return True
