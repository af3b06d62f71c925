"""A booking's time, cut into the hops that follow one another, by the spans of the programs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from postbox.telemetry import WAITED
from scenarios.tracing.otlp import Span

MS_NS: Final = 1_000_000
INTENT: Final = ("gateway", "POST /booking/intent")
WEBHOOK: Final = ("payment", "POST /payment/captured")
CAPTURED: Final = ("relay", "publish payment.captured")
JUDGED: Final = ("booking", "process payment.captured")
CONFIRMED: Final = ("relay", "publish booking.confirmed")
SHOWN: Final = ("gateway", "process booking.confirmed")

Flow = Mapping[tuple[str, str], Span]
"""The spans of one booking by service and name: the first of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """From the end of the hop before to `end`; `key` names it in the results."""

    key: str
    what: str
    end: Callable[[Flow], float]
    is_waiting: bool = False
    """In a program of ours, for the transaction before it."""


def _began(name: tuple[str, str]) -> Callable[[Flow], float]:
    return lambda flow: flow[name].began_ns


def _ended(name: tuple[str, str]) -> Callable[[Flow], float]:
    return lambda flow: flow[name].ended_ns


def _begun(name: tuple[str, str]) -> Callable[[Flow], float]:
    """When a request's transaction began: its span begins as soon as the request is read."""
    return lambda flow: flow[name].began_ns + _waited_ns(flow[name])


def _arrived(name: tuple[str, str]) -> Callable[[Flow], float]:
    """When a message arrived: its span begins with its transaction."""
    return lambda flow: flow[name].began_ns - _waited_ns(flow[name])


def _waited_ns(span: Span) -> float:
    waited = span.attributes[WAITED]
    assert isinstance(waited, float)
    return waited * MS_NS


BEHIND_GROUP: Final = "it waits for the group before"
BEHIND_BATCH: Final = "it waits for the batch before"
HOPS: Final = (
    Hop(key="sent", what="the intent reaches the gateway", end=_began(INTENT)),
    Hop(
        key="intent_waits",
        what=BEHIND_GROUP,
        end=_begun(INTENT),
        is_waiting=True,
    ),
    Hop(key="intent", what="the gateway commits it", end=_ended(INTENT)),
    Hop(key="paid", what="the webhook reaches the payment service", end=_began(WEBHOOK)),
    Hop(
        key="webhook_waits",
        what=BEHIND_GROUP,
        end=_begun(WEBHOOK),
        is_waiting=True,
    ),
    Hop(key="webhook", what="the payment service commits it", end=_ended(WEBHOOK)),
    Hop(key="captured_read", what="the relay reads payment.captured", end=_began(CAPTURED)),
    Hop(key="captured_sent", what="it is published and delivered", end=_arrived(JUDGED)),
    Hop(
        key="captured_waits",
        what=BEHIND_BATCH,
        end=_began(JUDGED),
        is_waiting=True,
    ),
    Hop(key="judged", what="the booking service commits", end=_ended(JUDGED)),
    Hop(key="confirmed_read", what="the relay reads booking.confirmed", end=_began(CONFIRMED)),
    Hop(key="confirmed_sent", what="it is published and delivered", end=_arrived(SHOWN)),
    Hop(
        key="confirmed_waits",
        what=BEHIND_BATCH,
        end=_began(SHOWN),
        is_waiting=True,
    ),
    Hop(key="shown", what="the gateway commits the view", end=_ended(SHOWN)),
)
SEEN: Final = "seen"
"""The last hop: from the view's commit to the change stream that the customers watch."""


def flow_of(spans: Sequence[Span]) -> Flow | None:
    """None where one of its spans is missing: a program that was busy may have dropped it."""
    found: dict[tuple[str, str], Span] = {}
    for span in sorted(spans, key=lambda one: one.began_ns):
        found.setdefault((span.service, span.name), span)
    needed = (INTENT, WEBHOOK, CAPTURED, JUDGED, CONFIRMED, SHOWN)
    return found if all(name in found for name in needed) else None


def cut(flow: Flow, *, began_ns: float, confirmed_ns: float) -> Iterator[tuple[str, float]]:
    """The milliseconds of each hop. What began before the hop before it ended costs nothing."""
    last_ns = began_ns
    for hop in HOPS:
        end_ns = min(max(last_ns, hop.end(flow)), confirmed_ns)
        yield hop.key, (end_ns - last_ns) / MS_NS
        last_ns = end_ns
    yield SEEN, (confirmed_ns - last_ns) / MS_NS
