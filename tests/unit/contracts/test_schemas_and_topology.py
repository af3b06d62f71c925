"""The schemas follow the types, and the table of queues wants every event that exists."""

from typing import Any

import jsonschema_rs
import pytest

from contracts.events import EVENTS, Event
from contracts.schemas.write import drift, schema
from contracts.topology import QUEUES
from tests.unit.contracts.test_events import GOLDEN


def _envelope(event: Event, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "0193e0c8-0000-7000-8000-000000000000",
        "type": event.TYPE,
        "source": event.SOURCE,
        "subject": event.subject,
        "time": "2026-01-31T12:00:00.000Z",
        "datacontenttype": "application/json",
        "data": data,
    }


def test_the_files_are_what_the_types_say() -> None:
    assert drift() == [], "run python -m contracts.schemas"


@pytest.mark.parametrize(("event", "data"), GOLDEN, ids=lambda case: getattr(case, "TYPE", ""))
def test_each_schema_takes_its_event_and_no_other(event: Event, data: dict[str, Any]) -> None:
    validator = jsonschema_rs.validator_for(schema(type(event)))
    whole = _envelope(event, data)
    assert validator.is_valid(whole)
    assert not validator.is_valid({**whole, "data": {}})
    assert not validator.is_valid({**whole, "type": "something.else"})
    assert not validator.is_valid({**whole, "specversion": "0.3"})


def test_every_bound_type_exists_and_the_gateway_hears_all() -> None:
    assert {event_type for types in QUEUES.values() for event_type in types} == EVENTS.keys()
    assert set(QUEUES["gateway.events"]) == EVENTS.keys()


@pytest.mark.parametrize("service", ["booking", "payment"])
def test_no_service_but_the_gateway_hears_itself(service: str) -> None:
    sources = {EVENTS[event_type].SOURCE for event_type in QUEUES[f"{service}.events"]}
    assert f"/services/{service}" not in sources
