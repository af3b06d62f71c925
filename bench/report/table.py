"""What is reported: each figure with the limit it stands beside and the target it has to meet."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bench.workbench import Figures

MESSAGES_A_BOOKING: Final = 8
"""Committed for one booking: an intent, a webhook, and three events that two services hear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`limit` names the figure of the servers alone; `share` is how many of its units one of ours
    takes. A target is a least one for a rate, and a most one for anything else."""

    what: str
    key: str
    unit: str
    limit: str | None = None
    share: int = 1
    target: float | None = None
    is_rate: bool = False


ROWS: Final = (
    Row(what="import of pymongo, alone", key="imports.driver_ms", unit="ms"),
    Row(
        what="import of the library's core",
        key="imports.core_ms",
        unit="ms",
        limit="imports.driver_ms",
    ),
    Row(
        what="import of the library's core, beside pymongo's",
        key="imports.ratio",
        unit="to 1",
        target=1.3,
    ),
    Row(what="change stream, read alone", key="limits.tail_per_s", unit="rows/s", is_rate=True),
    Row(
        what="confirmed publishing to a quorum queue, alone",
        key="limits.confirmed_publish_per_s",
        unit="messages/s",
        is_rate=True,
    ),
    Row(
        what="transactions of a state and an outbox row, one after another",
        key="limits.transactions_per_s",
        unit="transactions/s",
        is_rate=True,
    ),
    Row(
        what="the same, 128 in one transaction",
        key="limits.batched_transactions_per_s",
        unit="pairs/s",
        is_rate=True,
    ),
    Row(
        what="relay: waiting rows, published, confirmed and marked",
        key="relay.events_per_s",
        unit="events/s",
        limit="limits.confirmed_publish_per_s",
        target=15_000,
        is_rate=True,
    ),
    Row(what="relay: its own CPU", key="relay.cpu_us_per_event", unit="µs/event"),
    Row(
        what="relay: the same with no token, over a backlog",
        key="relay.backfill_events_per_s",
        unit="events/s",
        limit="limits.confirmed_publish_per_s",
        is_rate=True,
    ),
    Row(
        what="relay: memory over that backlog",
        key="relay.rss_mb_max",
        unit="MB",
        target=150,
    ),
    Row(
        what="relay: CPU of an event with MongoDB's, beside that with fewer rows",
        key="relay.cost.ratio",
        unit="to 1",
        target=1.5,
    ),
    Row(
        what="relay: rate lost to tracing, 1 flow in 100 recorded",
        key="relay.traced_1_percent.lost_percent",
        unit="%",
        target=10,
    ),
    Row(
        what="relay: rate lost to tracing, every flow recorded",
        key="relay.traced_100_percent.lost_percent",
        unit="%",
        target=40,
    ),
    Row(
        what="relay: spans that arrived, every flow recorded",
        key="relay.traced_100_percent.spans_received_percent",
        unit="%",
        target=100,
        is_rate=True,
    ),
    Row(
        what="relay: its own CPU, every flow recorded",
        key="relay.traced_100_percent.cpu_us_per_event",
        unit="µs/event",
    ),
    Row(
        what="relay: rate lost to a console, one browser on its overview",
        key="relay.console_open.lost_percent",
        unit="%",
        target=2,
    ),
    Row(
        what="relay: from commit to delivery at 200 events/s, p50",
        key="relay.p50_ms",
        unit="ms",
        limit="limits.delivery.p50_ms",
        target=5,
    ),
    Row(
        what="relay: from commit to delivery at 200 events/s, p99",
        key="relay.p99_ms",
        unit="ms",
        limit="limits.delivery.p99_ms",
        target=25,
    ),
    Row(
        what="an event of one subject: CPU with MongoDB's, beside that with fewer before it",
        key="subject.ratio",
        unit="to 1",
        target=2,
    ),
    Row(
        what="whole bookings, as many as it takes",
        key="bookings.per_s",
        unit="bookings/s",
        limit="limits.batched_transactions_per_s",
        share=MESSAGES_A_BOOKING,
        target=500,
        is_rate=True,
    ),
    Row(
        what="whole bookings: CPU of all programs and servers",
        key="bookings.cpu_ms_per_booking",
        unit="ms/booking",
    ),
    Row(what="whole bookings at half that load, p50", key="bookings.p50_ms", unit="ms"),
    Row(
        what="whole bookings at half that load, p99",
        key="bookings.p99_ms",
        unit="ms",
        target=1_000,
    ),
    *(
        Row(
            what=f"whole bookings at {per_s} a second, {percentile}",
            key=f"bookings.at_{per_s}_per_s.{percentile}_ms",
            unit="ms",
            limit="limits.booking_ms",
        )
        for per_s in (5, 50, 150)
        for percentile in ("p50", "p99")
    ),
    *(
        row
        for count in (1, 2, 4)
        for row in (
            Row(
                what=f"{count} of each service and relay: whole bookings",
                key=f"processes.services_{count}.per_s",
                unit="bookings/s",
                is_rate=True,
            ),
            Row(
                what=f"{count} of each: CPU of a booking",
                key=f"processes.services_{count}.cpu_ms_per_booking",
                unit="ms/booking",
            ),
            Row(
                what=f"{count} of each: bookings at 50 a second, p50",
                key=f"processes.services_{count}.at_50_per_s.p50_ms",
                unit="ms",
            ),
            Row(
                what=f"{count} relays share an outbox: committed, published and marked",
                key=f"processes.relay_{count}.events_per_s",
                unit="events/s",
                is_rate=True,
            ),
            Row(
                what=f"{count} relays: their own CPU",
                key=f"processes.relay_{count}.cpu_us_per_event",
                unit="µs/event",
            ),
        )
    ),
    *(
        Row(
            what=f"CPU that others took meanwhile: {name}",
            key=f"{name}.cpu_percent_of_others",
            unit="%",
        )
        for name in ("limits", "relay", "bookings")
    ),
    Row(
        what="memory of the largest of the programs",
        key="programs.rss_mb_max",
        unit="MB",
        target=150,
    ),
    Row(
        what="the load generator's own CPU",
        key="bookings.load_cpu_ms_per_request",
        unit="ms/request",
        target=0.1,
    ),
)
HEADINGS: Final = ("what", "measured", "limit in this run", "ratio", "target", "")


def lines(figures: Figures) -> Iterator[tuple[str, ...]]:
    """A line of cells, under HEADINGS, for each row that was measured."""
    for row in ROWS:
        if row.key in figures:
            yield _cells(row, figures)


def _cells(row: Row, figures: Figures) -> tuple[str, ...]:
    value = figures[row.key]
    limit = figures.get(row.limit) if row.limit else None
    limit = limit / row.share if limit is not None else None
    return (
        row.what,
        f"{number(value)} {row.unit}",
        "" if limit is None else number(limit),
        "" if limit is None else f"{value / limit:.2f}",
        "" if row.target is None else f"{'≥' if row.is_rate else '≤'} {number(row.target)}",
        "" if row.target is None else ("met" if is_met(row, value) else "MISSED"),
    )


def is_met(row: Row, value: float) -> bool:
    assert row.target is not None
    return value >= row.target if row.is_rate else value <= row.target


def number(value: float) -> str:
    """Three significant digits, and all of those before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
