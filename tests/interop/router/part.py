"""The same rows by both ways to a consumer, and whether each came as it was meant."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import aio_pika
import bson
from bson import json_util
from bson.raw_bson import RawBSONDocument

from postbox.decoders import debezium
from postbox.events import Event, cloudevents
from postbox.outbox import Fields
from tests.interop import toolchains
from tests.interop.cells import SAME, US, Cell, Table, changed, is_same, refused, shown
from tests.interop.reception import CASE, itself, reception
from tests.interop.router.cases import HEADERS, Case, cases
from tests.interop.rows.values import NO_VALUE
from tests.relay.harness import RelayHarness
from tests.relay.test_foreign_rows import settled

THEIRS: Final = "Debezium's router"
OURS: Final = "Postbox's relay"
FIELDS: Final = f"subject=aggregateid,data=payload,headers={'+'.join(HEADERS)}"
PLACED: Final = "type:header:eventType,aggregateid:header:aggregateId"
CONTEXT: Final = "__debezium.context"
"""Headers so named say which connector it was."""
Cells = dict[str, Cell]


async def tables(harness: RelayHarness) -> list[Table]:
    """By both. The relay comes second, for it writes into the rows."""
    found = await _inserted(harness)
    theirs = await _by_debezium(harness, found)
    version = toolchains.jar_version("debezium-connector-mongodb").removesuffix(".Final")
    title = f"{THEIRS} {version}"
    return [_table(found, {title: theirs, OURS: await _by_us(harness, found)})]


async def python_tables(harness: RelayHarness) -> list[Table]:
    """By ours alone: quick."""
    found = await _inserted(harness)
    return [_table(found, {OURS: await _by_us(harness, found)})]


async def _inserted(harness: RelayHarness) -> list[Case]:
    found = cases(f"{harness.name}.made")
    await harness.rows.insert_many([case.row(f"{harness.name}.made") for case in found])
    return found


def _table(found: Sequence[Case], columns: Mapping[str, Cells]) -> Table:
    about = (
        "One outbox, read by Debezium's connector with `MongoEventRouter`, whose messages a "
        "consumer of Postbox reads by `decoders.debezium`, and by the relay with `RELAY_FIELDS`. "
        "`same`: the consumer gets what the row says, by the rule of "
        "[payloads](formats.md#what-goes-over-the-wire)."
    )
    rows = {
        case.name: {column: cells[case.name] for column, cells in columns.items()} for case in found
    }
    title = "Rows in the shape of Debezium's router"
    return Table("router", title, about, "of the row", tuple(columns), rows)


async def _by_us(harness: RelayHarness, found: Sequence[Case]) -> Cells:
    async with harness.relaying(fields=Fields.parse(FIELDS)):
        await settled(harness)
    events = {
        event.subject: event
        for event in (
            cloudevents.decode(one.body, one.headers, one.content_type)
            for one in await harness.messages()
        )
    }
    parked = {
        row["aggregateid"]: row["parked"]["reason"]
        async for row in harness.rows.find({"state": "parked"}, {"aggregateid": 1, "parked": 1})
    }
    return {
        case.name: refused(US, parked[case.name])
        if case.name in parked
        else _compared(case, events[case.name], by=US)
        for case in found
    }


async def _by_debezium(harness: RelayHarness, found: Sequence[Case]) -> Cells:
    printed = await toolchains.java(
        "Router.java",
        "",  # all of its jars
        MONGO_URI=harness.source.uri,
        COUNT=str(len(found)),
        HEADERS=",".join((PLACED, *(f"{name}:header" for name in HEADERS))),
    )
    messages = {message["key"]: message for message in printed["messages"]}
    async with reception(harness, debezium(itself)) as at:
        await _publish(at.rabbitmq_uri, at.exchange, list(messages.values()))
        received = await at.received()
    return {
        case.name: refused(US, received.refused[case.name])
        if case.name in received.refused
        else _compared(
            case,
            received.events[case.name],
            by=US if _is_as_written(case, messages[case.name]) else THEIRS,
        )
        for case in found
    }


async def _publish(uri: str, exchange_name: str, messages: Sequence[Mapping[str, Any]]) -> None:
    """As Debezium's sink for RabbitMQ does: what Kafka's converter made of each."""
    async with await aio_pika.connect(uri) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(exchange_name, ensure=False)
        for one in messages:
            headers = {
                name: value
                for name, value in one["headers"].items()
                if not name.startswith(CONTEXT)
            }
            message = aio_pika.Message(one["value"].encode(), headers={**headers, CASE: one["key"]})
            await exchange.publish(message, one["topic"])


def _is_as_written(case: Case, message: Mapping[str, Any]) -> bool:
    """Whether Debezium's message says what the row does: what else comes in is our doing."""
    if case.watched != "data":
        named = {"type": "eventType", "subject": "aggregateId"}
        return is_same(message["headers"][named.get(case.watched, case.watched)], case.meant)
    if not isinstance(case.payload, RawBSONDocument):
        return True
    return bson.encode(json_util.loads(json.loads(message["value"]))) == case.payload.raw


def _compared(case: Case, event: Event, *, by: str) -> Cell:
    got = {
        **event.headers,
        "data": event.data, "id": event.id, "type": event.type, "subject": event.subject,
    }.get(case.watched)  # fmt: skip
    if case.meant is NO_VALUE or not is_same(got, case.meant):
        return changed(by, f"writes {shown(got)}")
    return SAME
