"""`postbox outbox`: pending and parked rows are shown, and parked ones tried again."""

from contextlib import AsyncExitStack
from pathlib import Path

import httpx
from bson import ObjectId

from stack.servers.mongod import Mongod
from stack.servers.ports import LOOPBACK
from stack.servers.rabbitmq import RabbitMQ
from tests.cli.harness import TYPE, CliHarness, run
from tests.eventually import eventually
from tests.metrics.exposition import scrape
from tests.relay.harness import RelayHarness


async def test_list_shows_what_is_not_published(harness: CliHarness) -> None:
    await harness.add_published(1, age_s=60)
    (pending,) = await harness.add(1)
    parked = await harness.add_parked("its body has 2,000,000 bytes", type=f"{TYPE}.big")

    ran = await harness.run("outbox", "list", "--json")

    assert ran.code == 0
    assert {(row["outbox"], row["id"], row["state"]) for row in ran.json["rows"]} == {
        ("shop", pending, "pending"),
        ("shop", parked, "parked"),
    }
    for narrowed in (("--state", "parked"), ("--type", f"{TYPE}.big"), ("--reason", "2,000,000")):
        rows = (await harness.run("outbox", "list", *narrowed, "--json")).json["rows"]
        assert [row["id"] for row in rows] == [parked]

    table = await harness.run("outbox", "list", "--state", "parked")
    assert parked in table.out
    assert "2,000,000 bytes" in table.out

    none = await harness.run("outbox", "list", "--type", "nothing", "--json")
    assert (none.code, none.json) == (1, {"rows": []})


async def test_parked_rows_are_found_by_an_index(harness: CliHarness) -> None:
    await harness.add_published(500, age_s=60)
    await harness.add_parked("too long")

    oldest_first = [("time", 1), ("_id", 1)]
    plan = await harness.rows.find({"state": "parked"}).sort(oldest_first).explain()

    assert plan["executionStats"]["totalKeysExamined"] == 1
    assert plan["executionStats"]["totalDocsExamined"] == 1


async def test_show_prints_a_row_whole_even_one_that_is_not_proper(harness: CliHarness) -> None:
    parked = await harness.add_parked(
        "'_id' must be a non-empty string", _id=ObjectId(), data=b"\xff"
    )

    ran = await harness.run("outbox", "show", str(parked))

    assert ran.code == 0, ran
    assert ran.json["id"] == str(parked)
    assert ran.json["data"] == "\\xff"
    assert ran.json["parked"]["reason"] == "'_id' must be a non-empty string"
    assert (await harness.run("outbox", "show", "nobody")).code == 1


async def test_retry_one_some_and_all(harness: CliHarness) -> None:
    one = await harness.add_parked("too long")
    other = await harness.add_parked("no time", type=f"{TYPE}.other")
    third = await harness.add_parked("no time")
    published = await harness.add_published(1, age_s=60)

    refused = await harness.run("outbox", "retry", one, answer="n\n")
    assert refused.code == 1
    assert "1 of shop" in refused.err

    ran = await harness.run("outbox", "retry", one, "--yes", "--json")
    assert (ran.code, ran.json) == (0, {"retried": {"shop": 1}})
    row = await harness.rows.find_one({"_id": one})
    assert row is not None
    assert row["state"] == "pending"
    assert row["parked"]["reason"] == "too long"

    some = await harness.run("outbox", "retry", "--reason", "no time", "--type", TYPE, "--yes")
    assert (some.code, some.out) == (0, "set 1 rows back to pending\n")
    everything = await harness.run("outbox", "retry", "--all", "--yes", "--json")
    assert everything.json == {"retried": {"shop": 1}}
    states = {row["_id"]: row["state"] async for row in harness.rows.find()}
    assert {states[id_] for id_ in (one, other, third)} == {"pending"}
    assert states[published[0]] == "published"

    again = await harness.run("outbox", "retry", "--all", "--yes", "--json")
    assert (again.code, again.json) == (1, {"retried": {"shop": 0}})


async def test_retry_has_to_be_given_a_choice(harness: CliHarness) -> None:
    for arguments in ((), ("some-id", "--all")):
        ran = await harness.run("outbox", "retry", *arguments, "--yes")
        assert ran.code == 2
        assert "--all" in ran.err


async def test_a_relay_publishes_what_was_set_back_and_raises_no_alarm(
    mongod: Mongod, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    """The sweep finds it, and counts it not among the rows that the stream overlooked."""
    sweep = {"RELAY_SWEEP_EVERY_S": "0.1", "RELAY_SWEEP_AGE_S": "0.1"}
    async with AsyncExitStack() as during:
        harness = await during.enter_async_context(RelayHarness(mongod, rabbitmq, tmp_path))
        ids = await harness.insert(
            [harness.row(state="parked", parked={"reason": "a bug, mended"})]
        )
        relay = await during.enter_async_context(harness.program(**sweep))
        http = await during.enter_async_context(httpx.AsyncClient(trust_env=False))
        url = f"http://{LOOPBACK}:{relay.port}"

        async def streams() -> bool:
            try:
                return "streaming" in (await http.get(f"{url}/readyz")).text
            except httpx.TransportError:
                return False

        await eventually(streams)
        ran = await run(
            *("outbox", "retry", "--all", "--yes"),
            RELAY_SOURCES=f"{harness.name}={harness.source.uri}",
        )
        assert ran.code == 0, ran
        await harness.delivered(ids)
        shown = {one.name: one.value for one in await scrape(http, url)}
        assert shown["postbox_relay_published_total"] == 1
        assert shown["postbox_relay_swept_total"] == 0
