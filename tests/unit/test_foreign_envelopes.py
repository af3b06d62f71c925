"""Valid events of others that our services cannot use are refused, with a reason that says why."""

from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.errors import InvalidEvent
from postbox import Event, InvalidMessage
from services.booking import bootstrap as booking
from services.gateway import bootstrap as gateway
from services.payment import bootstrap as payment

TIME = datetime(2026, 1, 2, tzinfo=UTC)
DATA = {"intentId": "i1", "paymentId": "p1", "amount": 100, "currency": "USD"}


def event(**changes: Any) -> Event:
    named = {"id": "1", "type": "booking.confirmed", "source": "/other", "time": TIME, "data": DATA}
    return Event(**{**named, **changes})


@pytest.mark.parametrize("service", [booking, gateway, payment])
@pytest.mark.parametrize("data", [None, "text", [DATA], b"\x00"])
def test_data_that_is_no_object_is_refused(service: Any, data: Any) -> None:
    with pytest.raises(InvalidEvent, match="data: "):
        service._decode(event(data=data))


def test_the_timeline_needs_a_time() -> None:
    with pytest.raises(InvalidMessage, match=r"booking\.confirmed: it has no 'time'"):
        gateway._decode(event(time=None))
    assert gateway._decode(event(subject=None)).intent_id == "i1"
