"""Log lines are structured, can be joined with traces and events, and tell nobody's secrets."""

import json
import re
from collections import Counter
from typing import Any

import pytest

from scenarios.clients.gateway import USER
from tests.metrics.conftest import Running

PROGRAMS = ("gateway", "booking", "payment", "relay")


def lines(running: Running, program: str) -> list[dict[str, Any]]:
    text = running.stack.layout.log(program).read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_line_is_an_object_with_the_service_and_a_sentence(
    running: Running, program: str
) -> None:
    reported = lines(running, program)
    assert reported
    for line in reported:
        assert line["service"] == program
        assert line["event"]
        assert line["level"] in ("debug", "info", "warning", "error", "critical")
        assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize("program", ["gateway", "booking", "payment"])
def test_what_a_consumer_does_is_reported_with_the_event_the_intent_and_the_trace(
    running: Running, program: str
) -> None:
    applied = [line for line in lines(running, program) if line["event"] == "applied"]
    assert applied
    for line in applied:
        assert re.fullmatch(r"[0-9a-f-]{36}", line["event_id"])
        assert re.fullmatch(r"[0-9a-f]{32}", line["trace_id"])
        assert line["intent_id"]
        assert line["decision"]


def test_a_message_that_is_set_aside_is_reported_once(running: Running) -> None:
    aside = "set a message aside"
    reported = [line for line in lines(running, "booking") if line["event"] == aside]
    assert sorted(line["reason"] for line in reported) == ["invalid", "malformed"]
    assert all(line["event_id"] for line in reported)


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_message_has_more_than_one_line_at_the_default_level(
    running: Running, program: str
) -> None:
    loud = [line for line in lines(running, program) if line["level"] != "debug"]
    assert loud
    about = Counter(line["event_id"] for line in loud if "event_id" in line)
    assert set(about.values()) <= {1}, about


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_line_tells_a_secret_or_who_the_customer_is(running: Running, program: str) -> None:
    """At the most talkative level, poison with a customer's data in it included."""
    text = running.stack.layout.log(program).read_text()
    assert running.stack.info.payment.webhook_secret not in text
    assert "whsec_" not in text
    assert not re.search(rf"\b{USER}\b", text)
    assert not re.search(r"\w+://[^\s/@\"]+:[^\s/@\"]+@", text), "a URI with a password"
