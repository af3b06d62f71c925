"""Rows in the shape of Debezium's outbox router are relayed by a mapping of their fields."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Decimal128, ObjectId

from postbox.errors import ConfigurationError
from postbox.events import cloudevents
from postbox.outbox import Fields, Shard
from postbox.service import load
from relay.errors import Unpublishable
from relay.read.message import message_of
from relay.settings import RelaySettings
from tests.eventually import eventually
from tests.relay.harness import RelayHarness

DEBEZIUM = Fields.parse("subject=aggregateid, data=payload, headers=aggregatetype+version")


async def test_rows_of_that_shape_go_out(harness: RelayHarness) -> None:
    """Goal: documents and texts, and rows of ours beside them, by relays that share two shards."""
    time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    like = {"aggregatetype": "order", "type": f"{harness.name}.made", "version": 2}
    rows: list[dict[str, Any]] = [
        {"_id": ObjectId(), "aggregateid": "o1", "payload": {"order": "o1"}, **like},
        {"_id": ObjectId(), "aggregateid": "o2", "payload": '{"order": "o2"}', **like},
        {"_id": ObjectId(), "aggregateid": "o3", "payload": "{never closed", **like},
        harness.row(subject="o4", time=time, data={"order": "o4"}),
    ]
    async with harness.relaying(fields=DEBEZIUM, shards=Shard.all(2)):
        await harness.rows.insert_many(rows)

        async def is_settled() -> bool:
            return await harness.states() == {"published": 3, "parked": 1}

        await eventually(is_settled)
    found = {}
    for message in await harness.messages():
        event = cloudevents.decode(message.body, message.headers, message.content_type)
        found[event.id] = (event.subject, event.data, message.headers.get("aggregatetype"))
        assert event.type == f"{harness.name}.made"
    assert found == {
        str(rows[0]["_id"]): ("o1", {"order": "o1"}, "order"),
        str(rows[1]["_id"]): ("o2", {"order": "o2"}, "order"),
        rows[3]["_id"]: ("o4", {"order": "o4"}, None),
    }
    parked = await harness.rows.find_one({"_id": rows[2]["_id"]}) or {}
    assert parked["parked"]["reason"].startswith("payload: a text that is not JSON")
    assert parked["payload"] == "{never closed"


ROW = {"_id": "1", "type": "t", "aggregateid": "s", "time": datetime(2026, 1, 2, tzinfo=UTC)}
REFUSED = {
    "a list": ({"payload": "[1]"}, "data: not an object"),
    "a name twice": ({"payload": '{"a": 1, "a": 2}'}, "payload: .* twice"),
    "NaN": ({"payload": '{"a": NaN}'}, "payload: .* NaN"),
    "a number beyond 64 bits": ({"payload": '{"a": 18446744073709551616}'}, r"data\.a: .* 64 bits"),
    "a header that is none": ({"payload": {}, "version": {"a": 1}}, "headers.version: not a text"),
    "another subject": ({"payload": {}, "aggregateid": 7}, "subject: not a text"),
}


@pytest.mark.parametrize(("fields", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_go_out_unaltered_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(Unpublishable, match=says):
        message_of({**ROW, **fields}, source="/s", fields=DEBEZIUM)


def test_a_decimal_is_a_header_as_it_is_in_data() -> None:
    row = {**ROW, "payload": {}, "version": Decimal128("1.50"), "aggregatetype": None}
    assert message_of(row, source="/s", fields=DEBEZIUM).headers == {"version": "1.50"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("subject", "expected name=field"),
        ("subject=", "expected name=field"),
        ("id=eventid", "'id' is none of"),
        ("subject=a,subject=b", "given twice"),
        ("subject=_id", "'_id' cannot be read"),
        ("data=after.payload", "'after.payload' cannot be read"),
        (f"headers={'h' * 129}", "over 128 bytes"),
    ],
)
def test_a_mistake_is_told_at_the_start(
    monkeypatch: pytest.MonkeyPatch, text: str, says: str
) -> None:
    monkeypatch.setenv("RELAY_SOURCES", "booking=mongodb://a/booking")
    monkeypatch.setenv("RABBITMQ_URI", "amqp://localhost/")
    monkeypatch.setenv("RELAY_FIELDS", text)
    with pytest.raises(ConfigurationError, match=f"RELAY_FIELDS: .*{says}"):
        load(RelaySettings)
