"""Messages of others: each client writes every case, a decoder of ours gets it."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from aio_pika.abc import AbstractIncomingMessage

import postbox.events
from postbox import decoders
from postbox.events import Decoder, Event
from postbox.rabbitmq.properties import RawProperties
from tests.interop.cells import SAME, US, Cell, Table, changed, is_same, refused, shown
from tests.interop.messages.cases import CASES, LONG, Case
from tests.interop.messages.clients import TITLES, run
from tests.interop.messages.field_values import value_of
from tests.interop.reception import CASE, Received, Reception, itself, reception
from tests.relay.harness import RelayHarness

ABSENT = "no such header"
TIMESTAMP_FLAG = 1 << 6


async def tables(harness: RelayHarness) -> list[Table]:
    """By every client."""
    seen: dict[str, postbox.events.Received] = {}
    json_with_id = decoders.json_with_id(itself)

    def read(received: postbox.events.Received) -> Event:
        seen[str(received.headers[CASE])] = received
        return json_with_id.read(received)

    async with reception(harness, Decoder(read, itself)) as at:
        refusals: dict[str, str] = {}
        for client in TITLES:
            refusals |= await _write(client, at)
        return [_table(seen, await at.received(), refusals)]


async def _write(client: str, at: Reception) -> Mapping[str, str]:
    cases = json.dumps([case.as_json(client) for case in CASES])
    found: Mapping[str, str] = await run(
        client, "write", RABBITMQ_URI=at.rabbitmq_uri, EXCHANGE=at.exchange, CASES=cases
    )
    return found


def _table(
    seen: Mapping[str, postbox.events.Received], received: Received, refusals: Mapping[str, str]
) -> Table:
    rows = {
        case.name: {
            title: _cell(client, case, seen, received, refusals) for client, title in TITLES.items()
        }
        for case in CASES
    }
    about = (
        "Each client publishes JSON, and `decoders.json_with_id` of a consumer of Postbox gets it. "
        "`same`: the property or header is in `Received` as the program meant it."
    )
    title = "Messages of other clients, read by Postbox"
    return Table("messages-in", title, about, "the message's", tuple(TITLES.values()), rows)


def _cell(
    client: str,
    case: Case,
    seen: Mapping[str, postbox.events.Received],
    received: Received,
    refusals: Mapping[str, str],
) -> Cell:
    name = f"{client}/{case.name}"
    if name in refusals:
        return refused(client, refusals[name])
    if name in received.refused:
        return refused(US, received.refused[name])
    meant = name if case.watched == "message_id" else case.meant
    found = _found(seen[name], case.watched)
    if is_same(found, meant):
        return SAME
    wire = _wire(received.wire[name], received.raw[name], case.watched)
    if is_same(found, wire):
        return changed(client, f"writes {shown(wire)}")
    return changed(US, f"reads {shown(wire)} as {shown(found)}")


def _found(received: postbox.events.Received, watched: str) -> Any:
    """What the decoder got."""
    match watched:
        case "body":
            return received.body.decode()
        case "header":
            return _plain(received.headers.get("h", ABSENT))
        case "long header":
            return _named(list(received.headers))
    return _plain(getattr(received, watched))


def _wire(message: AbstractIncomingMessage, properties: bytes, watched: str) -> Any:
    """What lay on the wire."""
    raw = RawProperties.read(properties)
    match watched:
        case "body":
            return message.body.decode()
        case "header":
            return next((value_of(v) for name, v in raw.headers if name == b"h"), ABSENT)
        case "long header":
            return _named([name.decode() for name, _ in raw.headers])
        case "timestamp":
            part = raw.parts.get(TIMESTAMP_FLAG)
            return None if part is None else int.from_bytes(part, "big")
    return _plain(getattr(message, watched))


def _named(names: list[str]) -> str:
    """The long name, as far as it is there."""
    long = max(names, key=len)
    return "whole" if long == LONG else f"a name of {len(long)} bytes"


def _plain(value: Any) -> Any:
    """Dates and decimals as texts."""
    match value:
        case datetime():
            return value.isoformat()
        case Decimal():
            return str(value)
        case dict():
            return {name: _plain(part) for name, part in value.items()}
        case list():
            return [_plain(part) for part in value]
    return value
