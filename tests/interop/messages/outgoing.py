"""Ours, read by others: the relay publishes a row in each mode, and every client reads both."""

from collections.abc import Mapping
from typing import Any, Final

import aio_pika
import orjson
from aio_pika.abc import AbstractIncomingMessage

from postbox.rabbitmq import Topology
from tests.interop.cells import SAME, US, Cell, Table, changed, is_same, refused, shown
from tests.interop.events.outgoing import MODES
from tests.interop.messages.clients import TITLES, run
from tests.relay.harness import RelayHarness

HEADERS: Final[dict[str, Any]] = {
    "text": "Grüße",
    "boolean": True,
    "whole number": 7,
    "2^40": 2**40,
    "2^53 + 1": 2**53 + 1,
    "least int64": -(2**63),
}
DATA: Final[dict[str, Any]] = {"order": "Grüße 🎉", "lines": [1, 0.1, None, True, {"a": []}]}
TRACE: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PROPERTIES: Final = ("id", "type", "content_type", "persistent", "body")


async def tables(harness: RelayHarness) -> list[Table]:
    """By every client, each from a queue of its own."""
    queues = {client: f"{harness.name}.{client}" for client in TITLES}
    async with await aio_pika.connect(harness.rabbitmq.uri) as connection:
        bindings = {queue: [f"{harness.name}.#"] for queue in queues.values()}
        await Topology(queues=bindings).declare(await connection.channel())
    for mode in ("structured", "ce-"):
        row = harness.row(_id=mode, data=DATA, headers=HEADERS, traceparent=TRACE)
        async with harness.relaying(mode=MODES[mode]):
            await harness.insert([row])
            await harness.published()
    wire = {str(one.message_id): _of(one) for one in await harness.messages()}
    read = {}
    for client, queue in queues.items():
        variables = {"RABBITMQ_URI": harness.rabbitmq.uri, "QUEUE": queue, "COUNT": str(len(wire))}
        read[client] = {one["id"]: one for one in await run(client, "read", **variables)}
    return [_table(harness, wire, read)]


def _of(message: AbstractIncomingMessage) -> dict[str, Any]:
    return {
        "id": message.message_id,
        "type": message.type,
        "content_type": message.content_type,
        "persistent": message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT,
        "headers": dict(message.headers),
        "body": orjson.loads(message.body),
    }


def _table(
    harness: RelayHarness,
    wire: Mapping[str, Mapping[str, Any]],
    read: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> Table:
    rows: dict[str, dict[str, Cell]] = {}
    for mode, message in wire.items():
        meant: dict[str, Any] = {
            "id": mode,
            "type": f"{harness.name}.made",
            "content_type": "application/json" if mode == "ce-" else "application/cloudevents+json",
            "persistent": True,
            "headers": {**HEADERS, "traceparent": TRACE},
            "body": DATA if mode == "ce-" else {**message["body"], "id": mode, "data": DATA},
        }
        for field in (*PROPERTIES, *(f"header: {name}" for name in meant["headers"])):
            rows[f"{mode}: {field}"] = {
                title: _cell(client, field, meant, message, read[client][mode])
                for client, title in TITLES.items()
            }
    about = (
        "The relay publishes a row with headers in each mode. kombu and FastStream decode a body "
        "by its content type; of the others, the program parses the JSON."
    )
    title = "Messages of Postbox, read by other clients"
    return Table("messages-out", title, about, "mode and field", tuple(TITLES.values()), rows)


def _cell(
    client: str,
    field: str,
    meant: Mapping[str, Any],
    wire: Mapping[str, Any],
    found: Mapping[str, Any],
) -> Cell:
    if field == "body" and "error" in found:
        return refused(client, found["error"])
    wanted, lay, got = (_part(one, field) for one in (meant, wire, found))
    if not is_same(wanted, lay):
        return changed(US, f"writes {shown(lay)}")
    if is_same(wanted, got):
        return SAME
    is_raw = field == "body" and (isinstance(got, str) or "bytes" in got)
    return changed(client, "hands it over undecoded" if is_raw else f"reads {shown(got)}")


def _part(one: Mapping[str, Any], field: str) -> Any:
    kind, is_header, name = field.partition(": ")
    return one["headers"].get(name) if is_header else one.get(kind)
