"""A part of the table, seen again: what the page says of it has to be so."""

from tests.interop import router, rows
from tests.interop.cells import Table
from tests.interop.events import incoming, outgoing
from tests.interop.page import PAGE, cells, spelled, unversioned
from tests.relay.conftest import harness  # noqa: F401 - a fixture
from tests.relay.harness import RelayHarness


def check(table: Table) -> None:
    """Every cell of `table` is on the page, and we change nothing."""
    assert table.faults() == []
    page = PAGE.read_text(encoding="utf-8")
    for name, found in table.rows.items():
        said = cells(page, table.name, name)
        for column, cell in found.items():
            assert said[unversioned(column)] == spelled(cell), f"{table.name}: {name}, {column}"


async def test_rows_by_python(harness: RelayHarness) -> None:  # noqa: F811
    for table in await rows.python_tables(harness):
        check(table)


async def test_events_of_others_by_python(harness: RelayHarness) -> None:  # noqa: F811
    for table in await incoming.python_tables(harness):
        check(table)


async def test_events_of_ours_by_python(harness: RelayHarness) -> None:  # noqa: F811
    for table in await outgoing.python_tables(harness):
        check(table)


async def test_rows_in_the_shape_of_debeziums_router(harness: RelayHarness) -> None:  # noqa: F811
    for table in await router.python_tables(harness):
        check(table)
