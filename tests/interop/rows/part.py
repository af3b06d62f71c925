"""Every driver writes its rows into one outbox, the relay takes them; two tables say the rest."""

from importlib.metadata import version

from tests.interop import toolchains
from tests.interop.cells import Table
from tests.interop.rows.python_writers import WRITERS, Refusals
from tests.interop.rows.tables import own_table, relayed, table
from tests.relay.harness import RelayHarness


async def tables(harness: RelayHarness) -> list[Table]:
    """By all drivers."""
    refusals = await _by_python(harness)
    variables = {"MONGO_URI": harness.source.uri, "EVENT_TYPE": f"{harness.name}.made"}
    refusals["Node"] = await toolchains.node("rows.mjs", COLUMN="Node", **variables)
    jars = ("mongodb-driver-", "bson-", "slf4j-api")
    refusals["Java"] = await toolchains.java("Rows.java", *jars, COLUMN="Java", **variables)
    return await _tables(harness, refusals)


async def python_tables(harness: RelayHarness) -> list[Table]:
    """By those that need no other language: quick."""
    return await _tables(harness, await _by_python(harness))


async def _by_python(harness: RelayHarness) -> dict[str, Refusals]:
    type_ = f"{harness.name}.made"
    return {name: await write(harness.source.uri, type_, name) for name, write in WRITERS.items()}


async def _tables(harness: RelayHarness, refusals: dict[str, Refusals]) -> list[Table]:
    titles = {name: f"{name} {version(name.lower())}" for name in WRITERS}
    if "Node" in refusals:
        titles["Node"] = f"Node's mongodb {toolchains.node_version('mongodb')}"
    if "Java" in refusals:
        titles["Java"] = f"Java's driver {toolchains.jar_version('mongodb-driver-sync')}"
    seen = await relayed(harness)
    return [table(seen, refusals, titles), own_table(seen, refusals, titles)]
