"""From what lies in the outbox and in the queue to the two tables of rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import bson
import orjson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument

from tests.interop.cells import NONE, SAME, US, Cell, Table, changed, is_same, refused, shown
from tests.interop.rows.own_values import OWN
from tests.interop.rows.python_writers import Refusals
from tests.interop.rows.values import NO_VALUE, TYPE_NAMES, VALUES
from tests.relay.harness import RelayHarness
from tests.relay.test_foreign_rows import meant, same, settled

Columns = Mapping[str, str]
"""The drivers, and what stands above their columns."""
OUTCOME: Final = "what becomes of it"
TYPE_AT: Final = 4
"""Where in a document of one element its type stands."""
_READ: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of one row: the bytes of its `data`, and what went out or why nothing did."""

    stored: bytes
    wire: Any = NO_VALUE
    parked: str = ""


async def relayed(harness: RelayHarness) -> dict[str, Seen]:
    """Let the relay take the outbox; what became of each row, by its subject."""
    async with harness.relaying():
        await settled(harness)
    events = [orjson.loads(message.body) for message in await harness.messages()]
    sent = {event["subject"]: event["data"] for event in events}
    rows = harness.database.get_collection(
        "outbox", codec_options=CodecOptions(document_class=RawBSONDocument)
    )
    found = {}
    async for row in rows.find():
        subject, data = row["subject"], row["data"].raw
        parked = row["parked"]["reason"] if "parked" in row else ""
        wire = sent[subject].get("value", NO_VALUE) if subject in sent else NO_VALUE
        found[subject] = Seen(data, wire, parked)
    return found


def table(seen: Mapping[str, Seen], refusals: Mapping[str, Refusals], columns: Columns) -> Table:
    """Every type of BSON, by every driver."""
    rows = {
        value.name: {
            title: _cell(driver, value.name, value.wire, seen, refusals, value.stored)
            for driver, title in columns.items()
        }
        for value in VALUES
    }
    about = (
        "`same`: what the program meant is stored as that type and goes out by the rule of "
        "[payloads](formats.md#what-goes-over-the-wire), or, where JSON has no value for it, the "
        "row is parked with its path. A whole number that a driver stores as a double goes out "
        "whole."
    )
    head = tuple(columns.values())
    return Table("rows", "Rows, by every type of BSON", about, "the value", head, rows)


def own_table(
    seen: Mapping[str, Seen], refusals: Mapping[str, Refusals], columns: Columns
) -> Table:
    """What a language has of its own."""
    rows = {
        f"{driver}: {name}": {OUTCOME: _cell(driver, name, wire, seen, refusals, None)}
        for driver in columns
        for name, wire in OWN.get(driver, {}).items()
    }
    about = "What a driver makes of values that BSON has no type for, before Postbox sees them."
    return Table(
        "rows-own", "Rows, by values of a language's own", about, "the value", (OUTCOME,), rows
    )


def _cell(
    driver: str,
    name: str,
    wire: Any,
    seen: Mapping[str, Seen],
    refusals: Mapping[str, Refusals],
    stored: bytes | None,
) -> Cell:
    if name in refusals[driver]:
        return refused(driver, refusals[driver][name])
    found = seen.get(f"{driver}/{name}")
    if found is None:
        return NONE
    is_as_meant = stored is not None and found.stored == stored
    if found.parked:
        if is_as_meant and wire is not NO_VALUE:
            return changed(US, f"parks it, {found.parked}")
        return refused(US, f"{found.parked}")
    if not _follows(found):
        return changed(US, f"{_stored(found.stored)} goes out as {shown(found.wire)}")
    if wire is not NO_VALUE and is_same(found.wire, wire):
        return SAME
    return changed(driver, f"stores {_stored(found.stored)}")


def _follows(found: Seen) -> bool:
    """Whether what went out is what the rules make of what was stored, said a second time."""
    values = bson.decode(found.stored, _READ)
    if not values:
        return found.wire is NO_VALUE
    try:
        return same(meant(values["value"]), found.wire)
    except KeyError:
        return False


def _stored(data: bytes) -> str:
    """What lies in the outbox, in words."""
    values = bson.decode(data, _READ)
    if not values:
        return "nothing"
    kind, value = TYPE_NAMES[data[TYPE_AT]], values["value"]
    if value is None:
        return kind
    return f"{kind}, {value!r}" if isinstance(value, str | list | dict) else f"{kind}, {value}"
