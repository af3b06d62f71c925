"""A row that nothing can be made of costs neither its neighbours nor the relay."""

from collections.abc import Callable
from typing import Any, Final

import bson
import pytest
from bson import Regex
from bson.raw_bson import RawBSONDocument

from postbox.mongo import Document
from tests.eventually import eventually
from tests.relay.harness import RelayHarness

INVALID_UTF8: Final = b"\xff\xfe"
PLACEHOLDER: Final = "QQ"
DOCUMENT_BYTES_MAX: Final = 16 * 1024 * 1024


def invalid(row: Document) -> RawBSONDocument:
    """`row` with bytes that are no UTF-8, as some drivers write them, where it says QQ."""
    return RawBSONDocument(bson.encode(row).replace(PLACEHOLDER.encode(), INVALID_UTF8))


def of_the_largest_size(row: Document) -> Document:
    """`row` so large that it has no room for a reason."""
    row["data"] = {"x": ""}
    row["data"]["x"] = "x" * (DOCUMENT_BYTES_MAX - len(bson.encode(row)))
    return row


POISON: Final[dict[str, Callable[[Document], Any]]] = {
    "a name in its data": lambda row: invalid({**row, "data": {"aQQ": 1}}),
    "a text in its data": lambda row: invalid({**row, "data": {"a": "QQ"}}),
    "its type": lambda row: invalid({**row, "type": "QQ"}),
    "its subject": lambda row: invalid({**row, "subject": "QQ"}),
    "a name of its own": lambda row: invalid({**row, "aQQ": 1, "data": None}),
    "a name of a megabyte": lambda row: {**row, "data": {"k" * 2**20: Regex("a")}},
    "an id of a megabyte": lambda row: {**row, "_id": {"k" * 2**20: 1}},
    "no state, and nothing else": lambda row: {"_id": row["_id"]},
    "the largest size": of_the_largest_size,
}


@pytest.mark.fault(31, "rows that nothing can be made of")
@pytest.mark.parametrize("name", POISON)
@pytest.mark.parametrize("by", ["the stream", "a backfill"])
async def test_a_poisonous_row_is_parked(harness: RelayHarness, name: str, by: str) -> None:
    """Method: the row between two good ones, for the program itself, which logs what it parks."""
    good = [harness.row(), harness.row()]
    rows = [good[0], POISON[name](harness.row()), good[1]]

    async def are_settled() -> bool:
        return await harness.states() == {"published": 2, "parked": 1}

    if by == "a backfill":
        await harness.rows.insert_many(rows)
    async with harness.program() as relay:
        if by == "the stream":
            await eventually(harness.has_token)
            await harness.rows.insert_many(rows)
        await eventually(are_settled)
        assert relay.process.returncode is None
        assert "its row is parked" in relay.log.read_text()
        assert len(relay.log.read_text()) < 10_000
    assert await harness.pull() == [row["_id"] for row in good]


async def test_an_id_that_is_no_text_is_reported_and_left_alone(harness: RelayHarness) -> None:
    """Goal: no driver can name that row, so it stays; its neighbours go on."""
    good = [harness.row(), harness.row()]
    async with harness.program() as relay:
        await harness.rows.insert_many([good[0], invalid(harness.row(_id="QQ")), good[1]])

        async def are_settled() -> bool:
            return (await harness.states()) == {"published": 2, "pending": 1}

        await eventually(are_settled)
        assert "its row cannot be parked" in relay.log.read_text()
    assert await harness.pull() == [row["_id"] for row in good]
