"""The wire format: CloudEvents 1.0 in structured JSON, as anybody else would read it."""

from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postbox.errors import MalformedMessage
from postbox.events import Event
from postbox.events.cloudevents import decode, encode

EVENT = Event(
    id="0190163d-8694-739b-aea5-966c26f8ad91",
    type="order.placed",
    subject="o1",
    source="/services/shop",
    time=datetime(2026, 11, 5, 12, 30, 15, 250_000, tzinfo=UTC),
    data={"order": "o1", "note": "Grüße", "lines": [1, 2.5, None, True]},
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    tracestate="vendor=1",
)
GOLDEN = (
    '{"specversion":"1.0","id":"0190163d-8694-739b-aea5-966c26f8ad91","type":"order.placed",'
    '"source":"/services/shop","subject":"o1","time":"2026-11-05T12:30:15.250000Z",'
    '"datacontenttype":"application/json",'
    '"data":{"order":"o1","note":"Grüße","lines":[1,2.5,null,true]}}'
).encode()
HEADERS = {"traceparent": EVENT.traceparent, "tracestate": EVENT.tracestate}


def test_golden() -> None:
    assert encode(EVENT) == GOLDEN
    assert decode(GOLDEN, HEADERS) == EVENT


def test_a_time_in_another_zone_is_the_same_instant() -> None:
    body = orjson.loads(GOLDEN) | {"time": "2026-11-05T14:30:15.25+02:00", "unknown": 1}
    decoded = decode(orjson.dumps(body), HEADERS)
    assert decoded.time == EVENT.time
    assert decoded.time is not None
    assert decoded.time.tzinfo == timezone(timedelta(hours=2))


text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | text
json = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=8
)
events = st.builds(
    Event,
    id=text,
    type=text,
    subject=text,
    source=text,
    time=st.datetimes(min_value=datetime(1, 1, 2), timezones=st.just(UTC)),
    data=st.dictionaries(text, json, max_size=5),
    traceparent=st.none() | text,
    tracestate=st.none() | text,
)


@given(events)
def test_what_was_encoded_is_decoded(event: Event) -> None:
    headers = {"traceparent": event.traceparent, "tracestate": event.tracestate}
    assert decode(encode(event), headers) == event


@given(st.binary(max_size=200) | json.map(orjson.dumps))
def test_whatever_else_arrives_is_malformed_and_nothing_worse(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode(body)


WITHOUT = {name: {**orjson.loads(GOLDEN), name: None} for name in ("id", "type", "source")}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"\xff\xfe", "not JSON"),
        (b"[]", "not a CloudEvent"),
        (GOLDEN.replace(b'"1.0"', b'"0.3"'), "specversion"),
        *((orjson.dumps(body), f"'{name}'") for name, body in WITHOUT.items()),
        (GOLDEN.replace(b"2026-11-05T12:30:15.250000Z", b"yesterday"), "not RFC 3339"),
        (GOLDEN.replace(b"250000Z", b"250000"), "no offset"),
        (GOLDEN.replace(b'"subject":"o1"', b'"subject":""'), "'subject'"),
        (GOLDEN.replace(b'"subject":"o1"', b'"subject":7'), "'subject'"),
        (GOLDEN.replace(b'"2026-11-05T12:30:15.250000Z"', b"1762345815"), "'time'"),
        (GOLDEN.replace(b'{"order":"o1"', b'{"order":"o0","order":"o1"'), "'order' twice"),
        (GOLDEN.replace(b'"subject":"o1"', b'"subject":"o0","subject":"o1"'), "'subject' twice"),
        (GOLDEN.replace(b'"data":', b'"data_base64":"AA==","data":'), "both"),
        (GOLDEN[:-1] + b',"data_base64":"AA=="}', "both"),
        (b'{"specversion":"1.0","id":"1","type":"t","source":"s","data_base64":"?"}', "base64"),
    ],
)
def test_what_is_wrong_is_reported(body: bytes, says: str) -> None:
    with pytest.raises(MalformedMessage, match=says):
        decode(body)


@pytest.mark.parametrize(
    "time",
    [
        *("2026-W01-1T03:04:05Z", "20260102T030405Z", "2026-01-02T03:04:05,5Z", "2026-01-02"),
        *("2026-01-02T03:04Z", "2026-01-02T24:00:00Z", "2026-02-30T03:04:05Z", ""),
        *("2026-01-02T03:04:05+0100", "2026-01-02T03:04:05+01:00:30", "٢026-01-02T03:04:05Z"),
    ],
)
def test_a_time_that_rfc_3339_does_not_know_is_refused(time: str) -> None:
    body = orjson.dumps(orjson.loads(GOLDEN) | {"time": time})
    with pytest.raises(MalformedMessage, match="not RFC 3339"):
        decode(body)


@pytest.mark.parametrize(
    ("text", "microsecond", "kept"),
    [
        ("2026-01-02t03:04:05z", 0, False),
        ("2026-01-02T03:04:05.5-00:00", 500_000, False),
        ("2026-01-02T03:04:05.123456000Z", 123_456, False),
        ("2026-01-02T03:04:05.1234567Z", 123_456, True),
        ("2026-01-02T03:04:05.123456789+00:00", 123_456, True),
    ],
)
def test_what_a_datetime_cannot_say_of_a_time_is_kept(
    text: str, microsecond: int, kept: bool
) -> None:
    decoded = decode(orjson.dumps(orjson.loads(GOLDEN) | {"time": text}))
    assert decoded.time == datetime(2026, 1, 2, 3, 4, 5, microsecond, UTC)
    assert decoded.time_text == (text if kept else None)
    assert orjson.loads(encode(decoded))["time"] == (text if kept else _utc(decoded.time))


def _utc(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def test_a_leap_second_is_kept() -> None:
    decoded = decode(orjson.dumps(orjson.loads(GOLDEN) | {"time": "2016-12-31T23:59:60Z"}))
    assert decoded.time == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert decoded.time_text == "2016-12-31T23:59:60Z"


def test_trace_headers_of_another_kind_are_no_trace() -> None:
    decoded = decode(GOLDEN, {"traceparent": 7, "tracestate": None})
    assert decoded.traceparent is decoded.tracestate is None
