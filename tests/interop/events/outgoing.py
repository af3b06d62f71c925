"""Ours, read by others: the relay publishes rows in each mode, and every SDK reads the messages."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from postbox.rabbitmq import STRUCTURED, ContentMode, Topology
from tests.interop import toolchains
from tests.interop.cells import NONE, SAME, US, Cell, Table, changed, is_same, refused, shown
from tests.interop.events.cases import JSON, Said
from tests.interop.events.readers import JAVASCRIPT, READERS
from tests.interop.events.times import is_same_time
from tests.interop.events.wire import said
from tests.relay.harness import RelayHarness

TIME: Final = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
ATTRIBUTES: Final = ("id", "type", "source", "subject", "time", "datacontenttype")
DATA: Final[dict[str, Any]] = {
    "text": "Grüße 🎉",
    "double": 0.1,
    "2^53": 2**53,
    "2^53 + 1": 2**53 + 1,
    "least int64": -(2**63),
    "null": None,
    "list": [1, "a", None, True],
    "object": {"a": {"b": []}},
}
MODES: Final[dict[str, ContentMode]] = {
    "structured": STRUCTURED,
    "ce-": ContentMode("ce-"),
    "cloudEvents_": ContentMode("cloudEvents_"),
}
READS: Final = {
    "Python core, rabbitmq": ("structured", "ce-"),
    "Python core, amqp": ("structured", "cloudEvents_"),
    "Python v1": ("structured", "ce-"),
    JAVASCRIPT: ("structured", "ce-"),
}
"""What each SDK's binding is made for."""
Reading = Said | str
"""What a reader found, or why it refused."""


async def tables(harness: RelayHarness) -> list[Table]:
    """By every SDK."""
    queue = f"{harness.name}.node"
    async with await aio_pika.connect(harness.rabbitmq.uri) as connection:
        topology = Topology(queues={queue: [f"{harness.name}.#"]})
        await topology.declare(await connection.channel())
    messages = await _published(harness)
    javascript = await toolchains.node(
        "read_events.mjs",
        RABBITMQ_URI=harness.rabbitmq.uri,
        QUEUE=queue,
        COUNT=str(len(messages)),
    )
    read = {one["case"]: _reading(one) for one in javascript}
    return [_table(harness, messages, {**_by_python(messages), JAVASCRIPT: read})]


async def python_tables(harness: RelayHarness) -> list[Table]:
    """By Python's: quick."""
    messages = await _published(harness)
    return [_table(harness, messages, _by_python(messages))]


async def _published(harness: RelayHarness) -> dict[str, AbstractIncomingMessage]:
    """A row in each mode, and the message that it became, by the mode, which is its id."""
    for mode, content_mode in MODES.items():
        row = harness.row(_id=mode, subject="Grüße", time=TIME, data=DATA)
        async with harness.relaying(mode=content_mode):
            await harness.insert([row])
            await harness.published()
    return {str(message.message_id): message for message in await harness.messages()}


def _by_python(messages: Mapping[str, AbstractIncomingMessage]) -> dict[str, dict[str, Reading]]:
    found: dict[str, dict[str, Reading]] = {}
    for reader, read in READERS.items():
        found[reader] = {}
        for mode in READS[reader]:
            try:
                found[reader][mode] = read(messages[mode])
            except Exception as error:  # noqa: BLE001 - whatever the SDK says is the cell
                found[reader][mode] = f"{type(error).__name__}: {error}"
    return found


def _reading(one: Mapping[str, Any]) -> Reading:
    return one["error"] if "error" in one else Said(one["attributes"], one["data"])


def _table(
    harness: RelayHarness,
    messages: Mapping[str, AbstractIncomingMessage],
    read: Mapping[str, Mapping[str, Reading]],
) -> Table:
    meant = Said(
        {
            "type": f"{harness.name}.made", "source": "/test", "subject": "Grüße",
            "time": TIME.isoformat(), "datacontenttype": JSON,
        },
        DATA,
    )  # fmt: skip
    rows = {}
    for mode, message in messages.items():
        expected = Said({**meant.attributes, "id": mode}, meant.data)
        for field in (*ATTRIBUTES, *(f"data: {name}" for name in DATA)):
            rows[f"{mode}: {field}"] = {
                reader: _cell(reader, field, expected, message, found[mode])
                if mode in READS[reader]
                else NONE
                for reader, found in read.items()
            }
    about = (
        "The relay publishes a row in each mode, and each SDK reads the message by the binding "
        "that is made for the mode, from aio-pika or (JavaScript's) amqplib."
    )
    title = "Events of Postbox, read by the official SDKs"
    return Table("events-out", title, about, "mode and field", tuple(read), rows)


def _cell(
    reader: str, field: str, meant: Said, message: AbstractIncomingMessage, found: Reading
) -> Cell:
    if isinstance(found, str):
        return refused(reader, found)
    wanted, wire, got = (_part(one, field) for one in (meant, said(message), found))
    if not _is_same(field, wanted, wire):
        return changed(US, f"writes {shown(wire)}")
    return SAME if _is_same(field, wanted, got) else changed(reader, f"reads {shown(got)}")


def _part(one: Said, field: str) -> Any:
    kind, is_data, name = field.partition(": ")
    return one.data.get(name) if is_data else one.of(kind)


def _is_same(field: str, one: Any, other: Any) -> bool:
    return is_same_time(one, other) if field == "time" else is_same(one, other)
