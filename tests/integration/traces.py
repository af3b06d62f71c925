"""I9: one trace from each request to the last consumer of what it caused."""

from collections.abc import Collection

from scenarios.clients.connections import Mongo

SERVICES = ("gateway", "booking", "payment")


async def torn_traces(mongo: Mongo, intents: Collection[str]) -> list[str]:
    """The intents whose events are not all of one trace, read from the three outboxes."""
    traces: dict[str, set[str]] = {intent: set() for intent in intents}
    for service in SERVICES:
        rows = mongo[service].outbox.find(
            {"subject": {"$in": list(intents)}}, ["subject", "traceparent"]
        )
        async for row in rows:
            traces[row["subject"]].add(row["traceparent"].split("-")[1])
    return [
        f"{intent} has the traces {found}" for intent, found in traces.items() if len(found) != 1
    ]
