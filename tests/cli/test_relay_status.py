"""`postbox relay status` on checkpoints that the relay's own code wrote."""

from pymongo import AsyncMongoClient

from postbox.mongo import Document
from postbox.outbox import Shard
from relay.checkpoint import Checkpoint, Term
from stack.servers.mongod import Mongod
from stack.servers.ports import LOOPBACK, free_port
from tests.cli.harness import CliHarness, postbox


async def take(harness: CliHarness, shard: Shard = Shard()) -> Term:  # noqa: B008 - immutable
    """A lease with a token of now, as a relay takes it."""
    term = await Checkpoint(harness.database, shard, holder="relay-1", lease_s=60).take()
    assert term is not None
    async with await harness.rows.watch() as stream:
        await stream.try_next()
        assert stream.resume_token is not None
        await term.save(stream.resume_token)
    return term


async def test_all_is_well(harness: CliHarness) -> None:
    await take(harness)
    await harness.add(2)

    ran = await harness.run("relay", "status", "--json")

    assert ran.code == 0, ran
    (source,) = ran.json["sources"]
    assert (source["source"], source["problems"]) == ("shop", [])
    assert source["oplog_window_s"] >= 0
    (shard,) = source["shards"]
    assert (shard["shard"], shard["holder"], shard["is_led"]) == ("0/1", "relay-1", True)
    assert (shard["fence"], shard["pending"], shard["parked"]) == (1, 2, 0)
    assert 0 <= shard["token_age_s"] < 60
    assert 0 <= shard["lag_s"] < 60
    assert -1 <= shard["oplog_left_s"] <= source["oplog_window_s"]

    table = await harness.run("relay", "status")
    assert table.code == 0
    assert "relay-1" in table.out


async def test_no_leader_old_rows_parked_rows_and_a_lost_token_are_problems(
    harness: CliHarness,
) -> None:
    term = await take(harness)
    await term.save({"_data": "8200000001" + "0" * 20})
    await term.release()
    await harness.add(1, age_s=3600)
    await harness.add_parked("too long")

    ran = await harness.run("relay", "status", "--json")

    assert ran.code == 1
    problems = ran.json["sources"][0]["problems"]
    assert len(problems) == 4
    assert "no relay leads it; the last was relay-1" in problems[0]
    assert "60 min old" in problems[1]
    assert "older than the oplog" in problems[2]
    assert "1 rows are parked" in problems[3]
    assert not ran.json["sources"][0]["shards"][0]["is_led"]

    assert (await harness.run("relay", "status", "--lag-max", "1e6", "--json")).code == 1


async def test_a_source_that_no_relay_ever_led(harness: CliHarness) -> None:
    ran = await harness.run("relay", "status", "--json")

    assert ran.code == 1
    (shard,) = ran.json["sources"][0]["shards"]
    assert (shard["holder"], shard["fence"], shard["token_age_s"]) == (None, None, None)


async def test_every_shard_of_the_division_in_use_and_none_of_an_earlier_one(
    harness: CliHarness,
) -> None:
    await (await take(harness)).release()
    await take(harness, Shard(0, 2))
    await harness.add(8)

    source = (await harness.run("relay", "status", "--json")).json["sources"][0]

    assert [(one["shard"], one["is_led"]) for one in source["shards"]] == [
        ("0/2", True),
        ("1/2", False),
    ]
    assert source["problems"] == ["shard 1/2: no relay leads it"]
    assert sum(one["pending"] for one in source["shards"]) == 8


async def test_without_the_right_to_read_the_oplog_its_window_is_unknown(
    harness: CliHarness, mongod: Mongod
) -> None:
    await take(harness)
    point: Document = {"configureFailPoint": "failCommand", "mode": "alwaysOn"}
    data = {"failCommands": ["find"], "errorCode": 13, "namespace": "local.oplog.rs"}
    async with AsyncMongoClient[Document](mongod.uri) as admin:
        await admin.admin.command({**point, "data": data})
        try:
            ran = await harness.run("relay", "status", "--json")
            table = await harness.run("relay", "status")
        finally:
            await admin.admin.command({**point, "mode": "off"})

    assert ran.code == 0, ran
    assert ran.json["sources"][0]["oplog_window_s"] is None
    assert ran.json["sources"][0]["shards"][0]["oplog_left_s"] is None
    assert "unknown" in table.out


async def test_a_source_that_is_away_does_not_hide_the_others(harness: CliHarness) -> None:
    await take(harness)
    away = f"mongodb://{LOOPBACK}:{free_port()}/away"

    ran = await harness.run(
        "relay", "status", "--json", "--sources", f"away={away},shop={harness.space.mongo_uri}"
    )

    assert ran.code == 3
    first, second = ran.json["sources"]
    assert first["problems"][0].startswith("unavailable: ")
    assert second["shards"][0]["is_led"]


async def test_usage_errors_name_the_variable(harness: CliHarness) -> None:
    nothing = await postbox("relay", "status")
    assert (nothing.code, nothing.out) == (2, "")
    assert "RELAY_SOURCES" in nothing.err

    for wrong in ("shop", "shop=http://localhost/shop", "shop=mongodb://localhost"):
        ran = await harness.run("relay", "status", RELAY_SOURCES=wrong)
        assert ran.code == 2
        assert "RELAY_SOURCES" in ran.err

    for unusable in ("mongodb://localhost:99999/shop", "mongodb://u:p@@localhost/shop"):
        ran = await harness.run("outbox", "list", RELAY_SOURCES=f"shop={unusable}")
        assert ran.code == 2
        assert "RELAY_SOURCES: shop: " in ran.err

    unknown = await harness.run("relay", "status", "--source", "till")
    assert unknown.code == 2
    assert "there are shop" in unknown.err
