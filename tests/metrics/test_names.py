"""Every metric that is promised, alerted on or drawn is one that a running stack shows."""

import re
from typing import Any

import pytest
import yaml

from stack.supervision.process import ROOT
from tests.metrics.conftest import Running
from tests.metrics.exposition import Series
from tests.metrics.expressions import OF_PROMETHEUS, Expression, alerts, panels

CONSUMER = {
    "postbox_consumer_processed_total",
    "postbox_consumer_duration_seconds_bucket",
    "postbox_consumer_dead_total",
    "postbox_consumer_batch_size_bucket",
    "postbox_queue_waiting",
    "postbox_ready",
}
HTTP = {"http_server_request_duration_seconds_bucket"}
PROMISED = {
    "gateway": CONSUMER | HTTP,
    "booking": CONSUMER | {"booking_sagas_total", "booking_saga_duration_seconds_bucket"},
    "payment": CONSUMER
    | HTTP
    | {
        "payment_refunds_total",
        "payment_alarms_total",
        "payment_overdue",
        "payment_reconciled_total",
    },
    "relay": {
        "postbox_outbox_pending",
        "postbox_outbox_oldest_pending_age_seconds",
        "postbox_relay_published_total",
        "postbox_relay_publish_duration_seconds_bucket",
        "postbox_relay_leader",
        "postbox_relay_swept_total",
        "postbox_relay_parked_total",
        "postbox_relay_token_age_seconds",
        "postbox_ready",
    },
}
SERIES_MAX = 500
"""Of one program, the histograms' buckets included."""
LABEL_VALUES_MAX = 20


@pytest.mark.parametrize("program", PROMISED)
async def test_a_program_shows_what_is_promised_of_it(running: Running, program: str) -> None:
    shown = {one.name for one in await running.series(program)}
    assert PROMISED[program] - shown == set()


def _total(series: list[Series], name: str, **labels: str) -> float:
    return sum(
        one.value for one in series if one.name == name and labels.items() <= one.labels.items()
    )


async def test_figures_are_right(running: Running) -> None:
    """Of the bookings that were played one failed, and got its money back."""
    booking = await running.series("booking")
    assert _total(booking, "booking_sagas_total", state="failed") == 1
    assert _total(booking, "booking_sagas_total", state="confirmed") >= 4
    ended = _total(booking, "booking_sagas_total")
    assert _total(booking, "booking_saga_duration_seconds_count") == ended
    assert _total(booking, "postbox_consumer_processed_total", decision="duplicate") > 0
    assert _total(booking, "postbox_consumer_dead_total", reason="malformed") == 1
    assert _total(booking, "postbox_consumer_dead_total", reason="invalid") == 1
    payment = await running.series("payment")
    for state in ("refund_pending", "refunded"):
        assert _total(payment, "payment_refunds_total", state=state) == 1
    relay = await running.series("relay")
    assert _total(relay, "postbox_relay_leader") == 3
    assert _total(relay, "postbox_relay_swept_total") == 0
    gateway = await running.series("gateway")
    accepted = {"http_route": "/booking/intent", "http_response_status_code": "202"}
    assert _total(gateway, "http_server_request_duration_seconds_count", **accepted) >= 5


@pytest.mark.parametrize("program", PROMISED)
async def test_no_label_grows_with_the_traffic(running: Running, program: str) -> None:
    series = await running.series(program)
    assert len(series) < SERIES_MAX
    values: dict[tuple[str, str], set[str]] = {}
    for one in series:
        for label, value in one.labels.items():
            values.setdefault((one.name, label), set()).add(value)
            about_one = re.search(r"trivial-|payment-first-|[0-9a-f]{16}", value)
            assert one.name == "target_info" or not about_one, f"{one.name}: {label}={value}"
    assert {key for key, found in values.items() if len(found) > LABEL_VALUES_MAX} == set()


async def test_alerts_and_panels_ask_for_what_there_is(running: Running) -> None:
    labels: dict[str, set[str]] = {}
    for program in PROMISED:
        for one in await running.series(program):
            labels.setdefault(one.name, set()).update(one.labels)
    expressions = [*alerts(), *panels()]
    assert len(expressions) > 40
    for expression in expressions:
        assert expression.metrics or "up{" in expression.text, expression
        assert expression.metrics - labels.keys() == set(), expression
        for metric in expression.metrics:
            assert expression.labels - labels[metric] - OF_PROMETHEUS == set(), expression


def test_what_nobody_shows_would_be_noticed() -> None:
    asked = Expression("x", 'sum by (a, le) (rate(postbox_nothing_bucket{b="1"}[5m])) > http_x')
    assert asked.metrics == {"postbox_nothing_bucket", "http_x"}
    assert asked.labels == {"a", "b", "le"}


def _rows(section: str) -> dict[str, set[str]]:
    """By the word that each row of a table in docs/operating.md begins with, those in its second
    column."""
    text = (ROOT / "docs/operating.md").read_text()
    text = text.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|", text, re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", second)) for name, second in rows}


def test_every_alert_is_explained() -> None:
    assert {alert.name for alert in alerts()} == _rows("Alerts").keys()


async def test_every_metric_is_explained_with_its_labels(running: Running) -> None:
    shown: dict[str, set[str]] = {}
    for program in PROMISED:
        for one in await running.series(program):
            of_scope = {label for label in one.labels if label.startswith("otel_scope_")}
            shown.setdefault(one.name.removesuffix("_bucket"), set()).update(
                one.labels.keys() - of_scope - {"le"}
            )
    promised = {name.removesuffix("_bucket") for names in PROMISED.values() for name in names}
    assert _rows("Metrics") == {name: shown[name] for name in promised}


def test_prometheus_reads_every_program_at_its_port() -> None:
    services = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
    ports = {
        name: int(port)
        for name, service in services.items()
        for variable, port in _environment(service).items()
        if variable.endswith("_PORT") and name != "provider"
    }
    (job,) = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())[
        "scrape_configs"
    ]
    read = {name: one["port"] for one in job["dns_sd_configs"] for name in one["names"]}
    assert read == ports
    assert len(ports) == 9


def _environment(service: dict[str, Any]) -> dict[str, str]:
    environment = service.get("environment", {})
    return environment if isinstance(environment, dict) else {}
