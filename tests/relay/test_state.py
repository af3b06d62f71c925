"""The relay's states."""

import pytest

from postbox.outbox import Shard
from relay.state import TRANSITIONS, RelayHealth, State, Status


def test_every_state_can_be_left_and_leads_back_to_standby() -> None:
    assert set(TRANSITIONS) == set(State)
    for state in State:
        if state is not State.STANDBY:
            assert State.STANDBY in TRANSITIONS[state]


def test_an_undeclared_transition_raises() -> None:
    status = Status("booking", Shard(), RelayHealth())
    status.enter(State.DRAINING)
    with pytest.raises(ValueError, match="draining → streaming"):
        status.enter(State.STREAMING)


def test_health_reports_the_state_and_a_standby_is_ready() -> None:
    health = RelayHealth()
    status = Status("booking", Shard(), health)
    assert health.problems == {"booking.database": "starting"}
    status.database_ok()
    assert not health.problems
    assert health.report == {"booking": "standby", "booking.database": "ok"}
    status.broker_failed("unavailable")
    assert health.problems == {"booking.broker": "unavailable"}
