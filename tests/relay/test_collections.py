"""Several outboxes in one database: each in a collection of its own, relayed by itself."""

import pytest

from postbox.outbox import Shard, Source
from tests.cli.harness import run
from tests.eventually import eventually
from tests.relay.harness import RelayHarness


async def test_each_has_its_own_checkpoint_and_shares(harness: RelayHarness) -> None:
    """Goal: neither holds up nor repeats the other. Method: two relays, two shards each."""
    name = harness.source.name
    billing = Source(f"{name}-billing", harness.source.uri, "billing.outbox")
    rows = harness.database["billing.outbox"]
    async with (
        harness.relaying(shards=Shard.all(2)),
        harness.relaying(shards=Shard.all(2), source=billing),
    ):
        first = await harness.insert([harness.row(number) for number in range(10)])
        second = [harness.row(number) for number in range(10)]
        await rows.insert_many(second)

        async def are_published() -> bool:
            return not await rows.count_documents({"state": "pending"})

        await eventually(are_published)
        await harness.delivered([*first, *(row["_id"] for row in second)])
    assert len(harness.arrived) == 20
    collections = await harness.database.list_collection_names()
    assert {"relay_checkpoint", "relay_checkpoint.billing.outbox"} <= set(collections)
    said = await run(
        "relay", "status", "--json", RELAY_SOURCES=f"{billing.name}:billing.outbox={billing.uri}"
    )
    (source,) = said.json["sources"]
    assert [shard["shard"] for shard in source["shards"]] == ["0/2", "1/2"]


def test_a_source_names_its_collection() -> None:
    text = "a=mongodb://h:1,h:2/a,b:b.outbox=mongodb://h/a?replicaSet=rs0"
    assert Source.parse_all(text) == (
        Source("a", "mongodb://h:1,h:2/a"),
        Source("b", "mongodb://h/a?replicaSet=rs0", "b.outbox"),
    )


@pytest.mark.parametrize("name", ["", "a$b", "system.views"])
def test_a_collection_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a name of a collection"):
        Source.parse_all(f"a:{name}=mongodb://h/a")
