"""The outbox's rows: what they look like, when they may be written, and when they go."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from postbox.errors import EventTooLarge, InvalidPayload, OutsideTransaction
from postbox.events import partition
from postbox.events.event import PARTITIONS
from postbox.mongo import Client, DatabaseClock, Session, own_database, transaction
from postbox.outbox import Outbox
from postbox.outbox.row import EVENT_BYTES_MAX
from postbox.telemetry import context_of, under
from tests.eventually import eventually
from tests.postbox.fake_service import Placed

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Note:
    TYPE: ClassVar[str] = "letter.written"
    text: object

    @property
    def subject(self) -> str:
        return "reader"

    def data(self) -> Mapping[str, Any]:
        return {"text": self.text}


class Setup:
    """An outbox, and what a test reads of it."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.rows = own_database(client)["outbox"]
        self.clock = DatabaseClock(client)
        self.outbox = Outbox(own_database(client), source="/services/shop", clock=self.clock)


@pytest.fixture
async def setup(client: Client) -> Setup:
    setup = Setup(client)
    await setup.outbox.prepare()
    await setup.clock.sync()
    return setup


async def test_a_row_has_everything_that_the_relay_needs(setup: Setup) -> None:
    async def body(session: Session) -> tuple[str, ...]:
        with under(context_of(TRACEPARENT, "vendor=1")):
            return await setup.outbox.add(session, Placed("o1", 2))

    before = datetime.now(UTC) - timedelta(milliseconds=50)
    (event_id,) = await transaction(setup.client, body)
    row = await setup.rows.find_one({})
    assert row is not None
    assert before < row.pop("time") < datetime.now(UTC) + timedelta(milliseconds=50)
    assert row == {
        "_id": event_id,
        "type": "order.placed",
        "subject": "o1",
        "source": "/services/shop",
        "data": {"order": "o1", "quantity": 2},
        "partition": partition("o1"),
        "state": "pending",
        "traceparent": TRACEPARENT,
        "tracestate": "vendor=1",
    }


async def test_a_row_that_nobody_traced_gets_a_trace_of_its_own(setup: Setup) -> None:
    async def body(session: Session) -> None:
        await setup.outbox.add(session, Placed("o1"))
        await setup.outbox.add(session, Placed("o2"))

    await transaction(setup.client, body)
    traces = {row["traceparent"].split("-")[1] async for row in setup.rows.find()}
    assert len(traces) == 2


async def test_a_transaction_that_fails_emits_nothing(setup: Setup) -> None:
    async def body(session: Session) -> None:
        await setup.outbox.add(session, Placed("o1"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await transaction(setup.client, body)
    assert await setup.rows.count_documents({}) == 0


async def test_without_a_transaction_nothing_is_written(setup: Setup) -> None:
    async with setup.client.start_session() as session:
        with pytest.raises(OutsideTransaction):
            await setup.outbox.add(session, Placed("o1"))
    assert await setup.rows.count_documents({}) == 0


async def test_an_event_that_is_too_large_is_refused_before_anything_is_written(
    setup: Setup,
) -> None:
    frame = len('{"text":""}')

    async def write(size: int) -> None:
        async def body(session: Session) -> None:
            await setup.outbox.add(session, Note("x"), Note("x" * (size - frame)))

        await transaction(setup.client, body)

    with pytest.raises(EventTooLarge, match=r"letter\.written about reader has 262,145 bytes"):
        await write(EVENT_BYTES_MAX + 1)
    assert await setup.rows.count_documents({}) == 0
    await write(EVENT_BYTES_MAX)
    assert await setup.rows.count_documents({}) == 2


async def test_data_that_is_not_json_is_refused(setup: Setup) -> None:
    async def body(session: Session) -> None:
        await setup.outbox.add(session, Note(object()))

    with pytest.raises(InvalidPayload, match="data"):
        await transaction(setup.client, body)
    assert await setup.rows.count_documents({}) == 0


@pytest.mark.parametrize("data", [None, [1], "text"])
async def test_data_that_is_no_object_is_refused(setup: Setup, data: Any) -> None:
    class Odd(Note):
        def data(self) -> Any:
            return data

    with pytest.raises(InvalidPayload, match="data: not an object"):
        setup.outbox.rows([Odd(None)])


def test_a_subject_keeps_its_partition_in_every_process() -> None:
    assert partition("intent-1") == 2
    assert {partition(f"intent-{number}") for number in range(2_000)} == set(range(PARTITIONS))


async def test_what_is_owed_is_found_by_an_index_that_holds_nothing_else(setup: Setup) -> None:
    sent = [{"_id": str(n), "state": "published", "time": LONG_AGO} for n in range(500)]
    pending = [{"_id": f"pending-{n}", "state": "pending", "time": LONG_AGO} for n in range(3)]
    await setup.rows.insert_many([*sent, *pending])
    plan = await setup.rows.find({"state": "pending"}).sort([("time", 1), ("_id", 1)]).explain()
    stages = _stages(plan["queryPlanner"]["winningPlan"])
    assert [stage["stage"] for stage in stages] == ["FETCH", "IXSCAN"]
    assert stages[-1]["indexName"] == "pending"
    assert plan["executionStats"]["totalKeysExamined"] == 3
    assert plan["executionStats"]["totalDocsExamined"] == 3


async def test_rows_expire_after_they_were_published_and_never_before(setup: Setup) -> None:
    expiring = [
        name
        for name, index in (await setup.rows.index_information()).items()
        if "expireAfterSeconds" in index
    ]
    assert expiring == ["published"]
    old = {"time": LONG_AGO, "type": "order.placed"}
    await setup.rows.insert_many(
        [
            {**old, "_id": "sent", "state": "published", "published_at": LONG_AGO},
            {**old, "_id": "pending", "state": "pending"},
            {**old, "_id": "parked", "state": "parked", "parked": {"at": LONG_AGO}},
        ]
    )

    async def sent_is_gone() -> bool:
        return await setup.rows.find_one({"_id": "sent"}) is None

    await eventually(sent_is_gone)
    assert {row["_id"] async for row in setup.rows.find()} == {"pending", "parked"}


def _stages(plan: dict[str, Any]) -> list[dict[str, Any]]:
    stages = [plan]
    while "inputStage" in stages[-1]:
        stages.append(stages[-1]["inputStage"])
    return stages
