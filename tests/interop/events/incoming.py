"""Events of others: each SDK writes every case, our consumer reads it, and a table compares."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import aio_pika

from postbox.events import Event
from tests.interop import toolchains
from tests.interop.cells import SAME, US, Cell, Table, changed, is_same, refused, shown
from tests.interop.events.cases import ABSENT, CASES, Case, Said
from tests.interop.events.python_writers import WRITERS
from tests.interop.events.times import is_same_time, moment
from tests.interop.events.wire import said
from tests.interop.reception import CASE, Received, Reception, reception
from tests.relay.harness import RelayHarness

NOW: Final = timedelta(minutes=10)
JAVASCRIPT: Final = ("JavaScript, structured", "JavaScript, binary")


async def tables(harness: RelayHarness) -> list[Table]:
    """By every SDK."""
    async with reception(harness) as at:
        refusals = await _by_python(at)
        refusals |= await toolchains.node(
            "events.mjs",
            RABBITMQ_URI=at.rabbitmq_uri,
            EXCHANGE=at.exchange,
            CASES=json.dumps([case.as_json() for case in CASES]),
        )
        return [_table([*WRITERS, *JAVASCRIPT], await at.received(), refusals)]


async def python_tables(harness: RelayHarness) -> list[Table]:
    """By Python's: quick."""
    async with reception(harness) as at:
        refusals = await _by_python(at)
        return [_table(list(WRITERS), await at.received(), refusals)]


async def _by_python(at: Reception) -> dict[str, str]:
    refusals: dict[str, str] = {}
    async with await aio_pika.connect(at.rabbitmq_uri) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(at.exchange, ensure=False)
        for writer, write in WRITERS.items():
            for case in CASES:
                name = f"{writer}/{case.name}"
                try:
                    body, headers, content_type = write(case.named(name))
                    message = aio_pika.Message(
                        body, headers={**headers, CASE: name}, content_type=content_type
                    )
                except Exception as error:  # noqa: BLE001 - whatever the SDK says is the cell
                    refusals[name] = f"{type(error).__name__}: {error}"
                    continue
                await exchange.publish(message, "event")
    return refusals


def _table(writers: list[str], received: Received, refusals: Mapping[str, str]) -> Table:
    rows = {
        case.name: {writer: _cell(writer, case, received, refusals) for writer in writers}
        for case in CASES
    }
    about = (
        "Each SDK writes the event, aio-pika or (JavaScript's) amqplib sends it, and a consumer of "
        "Postbox reads it. `same`: what the row names is in `Event` as the program meant it."
    )
    title = "Events of the official SDKs, read by Postbox"
    return Table("events-in", title, about, "the event", tuple(writers), rows)


def _cell(writer: str, case: Case, received: Received, refusals: Mapping[str, str]) -> Cell:
    name = f"{writer}/{case.name}"
    sdk = writer.partition(",")[0]
    if name in refusals:
        return refused(sdk, refusals[name])
    if name in received.refused:
        return refused(US, received.refused[name])
    ours = _ours(received.events[name])
    meant = Said({**case.attributes, "id": name}, None if case.data is ABSENT else case.data)
    for field in case.watched:
        if not _is_same(field, ours.of(field), meant.of(field)):
            return _changed(sdk, field, ours, received.wire[name])
    return SAME


def _changed(sdk: str, field: str, ours: Said, message: Any) -> Cell:
    """By whom: what the message says by the letter decides."""
    try:
        wire = said(message).of(field)
    except ValueError:
        return changed(sdk, f"writes {message.body!r} as {message.content_type}")
    if _is_same(field, ours.of(field), wire):
        is_now = field == "time" and abs(moment(wire)[0] - datetime.now(UTC)) < NOW
        return changed(sdk, "writes the time of writing" if is_now else f"writes {shown(wire)}")
    return changed(US, f"reads {field} {shown(wire)} as {shown(ours.of(field))}")


def _ours(event: Event) -> Said:
    """What our consumer read."""
    named = {
        "id": event.id, "type": event.type, "source": event.source, "subject": event.subject,
        "time": event.time_text or (event.time and event.time.isoformat()),
        "datacontenttype": event.datacontenttype, "dataschema": event.dataschema,
    }  # fmt: skip
    return Said({**event.extensions, **named}, event.data)


def _is_same(field: str, one: Any, other: Any) -> bool:
    """Of a time, the moment counts, and every digit of its fraction; of a text that does not say
    that it is one, its bytes."""
    if isinstance(one, bytes) and isinstance(other, str):
        return one == other.encode()
    return is_same_time(one, other) if field == "time" else is_same(one, other)
