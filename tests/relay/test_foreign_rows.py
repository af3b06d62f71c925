"""Rows that other programs write: out by the rules of every event, or parked with the path."""

import base64
import math
import signal
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID, uuid4

import aio_pika
import orjson
import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from postbox.errors import InvalidPayload
from postbox.events import partition
from postbox.mongo import Document, transaction
from postbox.operations import TimeRange
from postbox.operations.replay import replay
from postbox.outbox import Outbox, Shard
from postbox.testing import MemoryPostbox
from tests.eventually import eventually
from tests.relay.harness import RelayHarness, taken


async def received(harness: RelayHarness) -> dict[str, dict[str, Any]]:
    """What is in the queue, by its id."""
    events = [orjson.loads(body) for body in await arrivals(harness)]
    return {event["id"]: event for event in events}


async def arrivals(harness: RelayHarness) -> list[bytes]:
    """The bodies that are in the queue, taken out."""
    async with await aio_pika.connect(harness.rabbitmq.uri) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(harness.name, passive=True)
        return [message.body for message in await taken(queue)]


async def settled(harness: RelayHarness) -> None:
    async def is_settled() -> bool:
        return set(await harness.states()) <= {"published", "parked"}

    await eventually(is_settled)


@pytest.mark.fault(31, "ids of other types, and missing fields")
@pytest.mark.parametrize("by", ["the stream", "a backfill"])
async def test_a_row_needs_only_type_subject_and_data(harness: RelayHarness, by: str) -> None:
    uuid = uuid4()
    least = {"type": f"{harness.name}.made", "subject": "s1", "data": {"n": 1}}
    rows: list[Document] = [
        {"_id": ObjectId(), **least},
        {"_id": Binary(uuid.bytes, 4), **least},
        {"_id": "a text", **least},
    ]
    if by == "a backfill":
        await harness.rows.insert_many(rows)
    async with harness.streaming():
        if by == "the stream":
            await harness.rows.insert_many(rows)
        await settled(harness)
    events = await received(harness)
    assert events.keys() == {str(rows[0]["_id"]), str(uuid), "a text"}
    for event in events.values():
        assert event["source"] == f"/{harness.name}"
        assert event["data"] == {"n": 1}
        age = datetime.now(UTC) - datetime.fromisoformat(event["time"])
        assert abs(age) < timedelta(minutes=1)
    stored = {str(row["_id"]): row async for row in harness.rows.find()}
    for row in stored.values():
        assert row["state"] == "published"
        assert isinstance(row["time"], datetime), "its time is written down, for a replay"
        assert row["partition"] == partition("s1")


@pytest.mark.fault(31, "a relay that is killed after it sent rows that name no time")
@pytest.mark.parametrize("by", ["the stream", "a backfill"])
async def test_what_is_missing_is_the_same_in_a_repeat(harness: RelayHarness, by: str) -> None:
    """Goal: an event that is sent twice is equal both times. Method: kill the relay between the
    confirm and the mark of rows that lack all that may be missing."""
    least = {"type": f"{harness.name}.made", "subject": "s1", "data": {"n": 1}}
    rows: list[Document] = [
        {**least, "_id": id_} for id_ in ("a text", ObjectId(), Binary(uuid4().bytes, 4))
    ]
    rows += [{**least, "_id": "nulls", "time": None, "source": None, "state": None}]
    if by == "a backfill":
        await harness.rows.insert_many(rows)
    async with harness.program(CRASH_AT="relay.confirmed:1") as relay:
        if by == "the stream":
            await eventually(harness.has_token, limit_s=20)
            await harness.rows.insert_many(rows)
        assert await relay.ended() == -signal.SIGKILL
    before = await arrivals(harness)
    async with harness.relaying():
        await settled(harness)
    after = await arrivals(harness)
    assert before, "some were sent"
    assert len(after) >= len(rows), "and are sent again"
    assert len({*before, *after}) == len(rows), "each body is the same"


async def test_shards_agree_on_rows_without_a_partition(harness: RelayHarness) -> None:
    """Goal: each has one shard, that of its subject, whatever stands in its place."""
    odd = (None, "3", -1, 64, 2.5, math.nan, [1], Decimal128("1"), True, Int64(2**62))
    rows = [harness.row(number, partition=value) for number, value in enumerate(odd)]
    for row in rows[::2]:
        row.pop("state")
    shards = Shard.all(4)
    for row in rows:
        owners = [shard.index for shard in shards if shard.owns(row)]
        named = row["partition"] == 2.5
        assert owners == [2 if named else partition(row["subject"]) % 4]
    await harness.rows.insert_many(rows[:5])
    async with harness.relaying(shards=shards):
        await harness.delivered([row["_id"] for row in rows[:5]])
        await harness.rows.insert_many(rows[5:])
        await harness.delivered([row["_id"] for row in rows])
    assert len(harness.arrived) == len(rows), "each was sent once"


async def test_the_rows_that_name_no_state_are_found_by_an_index(harness: RelayHarness) -> None:
    await harness.add(50, state="published")
    await harness.rows.insert_many([{"_id": "missing"}, {"_id": "null", "state": None}])
    plan = await harness.rows.find({"state": None}).hint("stateless").explain()
    assert plan["executionStats"]["nReturned"] == 2
    assert plan["executionStats"]["totalDocsExamined"] == 2


@pytest.mark.parametrize("odd", [7, {"a": 1}])
async def test_an_id_that_has_no_usual_text_is_parked(harness: RelayHarness, odd: object) -> None:
    async with harness.streaming():
        await harness.rows.insert_one(harness.row(_id=odd))
        await settled(harness)
    row = await harness.rows.find_one({"_id": odd})
    assert row is not None
    assert "_id" in row["parked"]["reason"]


async def test_what_was_sent_before_is_not_sent_again(harness: RelayHarness) -> None:
    """Goal: a backup may be restored beside a running relay. Method: rows are put back in every
    state; only those that wait go out."""
    states = ("pending", "published", "parked", "scheduled")
    async with harness.streaming():
        later = datetime.now(UTC) + timedelta(hours=1)
        ids = {state: (await harness.add(1, state=state, deliver_at=later))[0] for state in states}
        last = await harness.add(1)
        await eventually(lambda: _is_published(harness, last[0]))
        await eventually(lambda: _is_published(harness, ids["pending"]))
    assert set(await harness.pull()) == {ids["pending"], last[0]}
    after = {row["_id"]: row["state"] async for row in harness.rows.find()}
    assert {state: after[ids[state]] for state in states} == {
        state: "published" if state == "pending" else state for state in states
    }


async def _is_published(harness: RelayHarness, id_: str) -> bool:
    row = await harness.rows.find_one({"_id": id_})
    return row is not None and row["state"] == "published"


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
BSON = st.recursive(
    st.one_of(
        *(st.none(), st.booleans(), TEXT, st.floats(), st.binary(max_size=20)),
        st.integers(-(2**63), 2**63 - 1).map(Int64),
        st.floats(2.0**31, 2.0**53).map(math.floor).map(float),
        st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(
            lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
        ),
        st.uuids().map(lambda one: Binary(one.bytes, 4)),
        st.binary(min_size=12, max_size=12).map(ObjectId),
        st.decimals(min_value=-(10**33), max_value=10**33, places=3)
        .filter(lambda number: len(number.as_tuple().digits) <= 34)
        .map(Decimal128),
        st.sampled_from([Decimal128("1E+6111"), Decimal128("NaN"), Decimal128("-0")]),
        st.builds(Timestamp, st.integers(0, 2**31), st.integers(0, 9)),
        st.sampled_from([Regex("a"), Code("f()"), MinKey(), MaxKey()]),
        st.builds(DBRef, TEXT, st.integers(0, 9)),
        st.builds(Binary, st.binary(max_size=9), st.sampled_from([0, 5, 128])),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def meant(value: Any) -> Any:
    """What a reader of the wire has to find, said a second time; KeyError for no value."""
    match value:
        case Code() | Regex() | Timestamp() | MinKey() | MaxKey():
            raise KeyError
        case None | bool() | str():
            return value
        case float():
            if math.isnan(value) or math.isinf(value):
                raise KeyError
            return value
        case int():
            return int(value)
        case datetime():
            return value
        case ObjectId():
            return str(value)
        case DBRef():
            return {"$ref": value.collection, "$id": meant(value.id)}
        case Binary(subtype=4):
            return str(UUID(bytes=bytes(value)))
        case bytes():
            return base64.b64encode(value).decode()
        case Decimal128():
            if not value.to_decimal().is_finite():
                raise KeyError
            return value.to_decimal()
        case list():
            return [meant(one) for one in value]
        case dict():
            return {key: meant(one) for key, one in value.items()}
    raise AssertionError(type(value))


def same(wanted: Any, found: Any) -> bool:
    match wanted:
        case Decimal():
            return Decimal(found) == wanted and len(found) <= 45
        case datetime():
            return found.endswith("Z") and datetime.fromisoformat(found) == wanted
        case list():
            return len(wanted) == len(found) and all(map(same, wanted, found))
        case dict():
            return wanted.keys() == found.keys() and all(
                same(one, found[key]) for key, one in wanted.items()
            )
        case _:
            return (
                type(found) is not float or isinstance(wanted, float) if wanted == found else False
            )


class Made:
    TYPE: ClassVar[str]

    def __init__(self, value: object) -> None:
        self.subject = "s1"
        self._value = value

    def data(self) -> dict[str, Any]:
        return {"value": self._value}


@pytest.mark.fault(31, "every BSON type, by every way that an event takes")
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # shrinking takes minutes with servers
)
@given(values=st.lists(BSON, min_size=5, max_size=25))
async def test_every_bson_type_is_the_same_by_every_way(
    harness: RelayHarness, values: list[Any]
) -> None:
    """Goal: a value is the same on the wire, or refused, whoever wrote it. Method: the relay sends
    what `add` wrote and what another program inserted; then replay sends both; the double is asked
    too. A second saying of the rules judges them."""

    class Event(Made):
        TYPE = f"{harness.name}.made"

    outbox = Outbox(harness.database, source="/test")
    double = MemoryPostbox()
    wanted: dict[str, Any] = {}
    for value in values:
        foreign = ObjectId()
        row = {"_id": foreign, "type": Event.TYPE, "subject": "s1", "data": {"value": value}}
        await harness.rows.insert_one(row)
        try:
            expected = {"value": meant(value)}
        except KeyError:
            with pytest.raises(InvalidPayload, match=r"^data\.value"):
                double.event(Event(value))
            with pytest.raises(InvalidPayload, match=r"^data\.value"):
                outbox.rows([Event(value)])
            continue
        assert same(expected, double.event(Event(value)).data)

        async def write(session: Any, value: Any = value) -> tuple[str, ...]:
            return await outbox.add(session, Event(value))

        (own,) = await transaction(harness.client, write)
        wanted |= {str(foreign): expected, own: expected}
    since = datetime.now(UTC) - timedelta(minutes=10)
    async with harness.relaying():
        await settled(harness)
    sent = await received(harness)
    until = datetime.now(UTC) + timedelta(minutes=10)
    await replay(
        *(harness.source, harness.database, harness.rabbitmq.uri),
        TimeRange(since=since, until=until),
        done=lambda *_: None,
    )
    again = await received(harness)
    assert sent.keys() == again.keys() == wanted.keys()
    for id_, expected in wanted.items():
        assert same(expected, sent[id_]["data"]), (expected, sent[id_]["data"])
        assert again[id_] == sent[id_]
    await harness.rows.delete_many({})
