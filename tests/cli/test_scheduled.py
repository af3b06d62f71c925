"""`postbox outbox scheduled`, `send-now` and `drop`."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.harness import CliHarness

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)


async def waiting(harness: CliHarness, *minutes: int) -> list[str]:
    return [
        (await harness.add(state="scheduled", deliver_at=SOON + timedelta(minutes=late)))[0]
        for late in minutes
    ]


async def test_scheduled_shows_pages_in_the_order_of_their_time(harness: CliHarness) -> None:
    ids = await waiting(harness, 3, 1, 2, 2, 2)
    await harness.add(2)
    in_order = [ids[1], *ids[2:], ids[0]]
    seen: list[str] = []
    more: tuple[str, ...] = ()
    while (
        page := await harness.run("outbox", "scheduled", "--limit", "2", "--json", *more)
    ).code == 0:
        seen += [row["id"] for row in page.json["rows"]]
        more = ("--after", seen[-1])
    assert seen == in_order
    assert (page.code, page.json) == (1, {"rows": []})

    table = await harness.run("outbox", "scheduled", "--limit", "2")
    assert table.code == 0
    assert in_order[0] in table.out
    assert f"--after {in_order[1]}" in table.err
    late = (SOON + timedelta(minutes=2, seconds=1)).isoformat()
    rest = await harness.run("outbox", "scheduled", "--from", late, "--json")
    assert [row["id"] for row in rest.json["rows"]] == [ids[0]]


async def test_pages_go_on_through_several_outboxes(harness: CliHarness) -> None:
    ids = await waiting(harness, 1, 1)
    uri = harness.space.mongo_uri
    twice = {"RELAY_SOURCES": f"first={uri},second={uri}"}
    page = await harness.run("outbox", "scheduled", "--limit", "3", "--json", **twice)
    found = [(row["outbox"], row["id"]) for row in page.json["rows"]]
    assert found == [("first", ids[0]), ("first", ids[1]), ("second", ids[0])]
    gone = await harness.run("outbox", "scheduled", "--after", "nobody", **twice)
    assert gone.code == 2
    assert "--from" in gone.err


async def test_send_now_and_drop_say_what_became_of_a_row(harness: CliHarness) -> None:
    one, other, claimed = await waiting(harness, 1, 2, 3)
    await harness.rows.update_one({"_id": claimed}, {"$set": {"claim": "0/1 1"}})
    (published,) = await harness.add_published(1, age_s=60)
    (pending,) = await harness.add()
    parked = await harness.add_parked("too long")

    refused = await harness.run("outbox", "drop", one, answer="n\n")
    assert refused.code == 1
    assert "order.placed about s0" in refused.err
    sent = await harness.run("outbox", "send-now", one, "--yes", "--json")
    assert (sent.code, sent.json) == (0, {"id": one, "became": "due"})
    row = await harness.rows.find_one({"_id": one})
    assert row is not None
    assert row["state"] == "scheduled"
    assert row["deliver_at"] <= datetime.now(UTC) + timedelta(seconds=1)

    dropped = await harness.run("outbox", "drop", other, "--yes")
    assert (dropped.code, dropped.out) == (0, "it was dropped, and never goes out\n")
    became = {
        other: "unknown",
        claimed: "claimed",
        published: "published",
        pending: "pending",
        parked: "parked",
    }
    for id_, word in became.items():
        for command in ("drop", "send-now"):
            ran = await harness.run("outbox", command, id_, "--yes", "--json")
            assert (ran.code, ran.json) == (1, {"id": id_, "became": word})


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_parked_row_is_retried_at_its_time(harness: CliHarness, hours: int) -> None:
    at = datetime.now(UTC) + timedelta(hours=hours)
    id_ = await harness.add_parked("a bug, mended", deliver_at=at)
    assert (await harness.run("outbox", "retry", id_, "--yes")).code == 0
    row = await harness.rows.find_one({"_id": id_})
    assert row is not None
    assert row["state"] == ("scheduled" if hours > 0 else "pending")
