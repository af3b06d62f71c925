"""A flow as a tree of the spans that the programs really exported.

A flow is all that is about one intent: one trace, or two that a span link joins, where the provider
did not carry our trace context back in its webhook.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from rich.text import Text
from rich.tree import Tree

from scenarios.tracing.otlp import Span

CONVERSATION: Final = "messaging.message.conversation_id"
DECISIONS: Final = ("booking.decision", "postbox.decision")
SHOWN_ID_CHARS: Final = 8
MS: Final = 1_000_000
STYLES: Final = {"gateway": "cyan", "booking": "magenta", "payment": "blue", "relay": "dim"}


class Traces:
    """Spans by the trace they are in."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans: defaultdict[str, list[Span]] = defaultdict(list)
        self._about: defaultdict[str, set[str]] = defaultdict(set)
        for span in spans:
            self._spans[span.trace_id].append(span)
            if subject := span.attributes.get(CONVERSATION):
                self._about[str(subject)].add(span.trace_id)

    def __getitem__(self, trace_id: str) -> list[Span]:
        """The spans of one trace, in order of time."""
        return sorted(self._spans.get(trace_id, ()), key=lambda span: span.began_ns)

    def about(self, subject: str) -> list[str]:
        """The traces in which something is about the subject, in order of time."""
        return sorted(self._about.get(subject, ()), key=lambda one: self[one][0].began_ns)


def orphans(spans: Collection[Span], *, remote: Collection[str] = ()) -> list[Span]:
    """The spans whose parent was never exported, nor is one of the `remote` span ids."""
    known = {span.span_id for span in spans} | set(remote)
    return [span for span in spans if span.parent_id is not None and span.parent_id not in known]


def tree(traces: Traces, subject: str) -> Tree:
    """The flow of one subject, with service, span, decision and time."""
    drawn = Tree(Text(subject, "bold"))
    found = traces.about(subject)
    if not found:
        drawn.add("no span was exported")
        return drawn
    began_ns = traces[found[0]][0].began_ns
    for trace_id in found:
        spans = traces[trace_id]
        children: defaultdict[str | None, list[Span]] = defaultdict(list)
        known = {span.span_id for span in spans}
        for span in spans:
            children[span.parent_id if span.parent_id in known else None].append(span)
        _grow(drawn.add(Text(f"trace {trace_id}", "dim")), None, children, began_ns)
    return drawn


def _grow(
    branch: Tree, parent_id: str | None, children: Mapping[str | None, list[Span]], began_ns: int
) -> None:
    for span in children.get(parent_id, ()):
        _grow(branch.add(_line(span, began_ns)), span.span_id, children, began_ns)


def _line(span: Span, began_ns: int) -> Text:
    line = Text.assemble((span.service, STYLES.get(span.service, "")), " ", (span.name, "bold"))
    for name in DECISIONS:
        if name in span.attributes:
            line.append(f" → {span.attributes[name]}", "green")
    if "http.response.status_code" in span.attributes:
        line.append(f" → {span.attributes['http.response.status_code']}", "green")
    at_ms, took_ms = (span.began_ns - began_ns) / MS, (span.ended_ns - span.began_ns) / MS
    line.append(f"  at {at_ms:,.1f} ms, {took_ms:,.1f} ms", "dim")
    for note in _notes(span):
        line.append(f"  ({note})", "yellow")
    return line


def _notes(span: Span) -> Iterator[str]:
    if span.error:
        yield f"error: {span.error}"
    if span.attributes.get("postbox.redelivered"):
        yield "redelivered"
    yield from span.events
    for trace_id, _ in span.links:
        yield f"joins trace {trace_id[:SHOWN_ID_CHARS]}…"
