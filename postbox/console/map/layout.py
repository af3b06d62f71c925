"""Where everything of the map stands: the exchange is a bar, so that no two arrows cross."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from postbox.console.map.graph import Graph, QueueNode, SourceNode
from postbox.console.readable import number, rate

ROW: Final = 92.0
BOX: Final = 52.0
MARGIN: Final = 14.0
CHARACTER: Final = 7.4
"""About as wide as one is in a name."""
SMALL_CHARACTER: Final = 6.5
COLOURS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A picture for screens of one kind: where its columns begin, and how wide they are."""

    name: str
    width: float
    box: float
    bar_x: float
    bar: float
    queue_x: float
    queue: float
    consumer_x: float | None
    """None: there is no room for them, and the queue says how many there are."""


SIZES: Final = (
    Size(name="narrow", width=350, box=88, bar_x=142, bar=26, queue_x=222, queue=128,
         consumer_x=None),
    Size(name="wide", width=1_000, box=190, bar_x=300, bar=44, queue_x=520, queue=240,
         consumer_x=866),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceBox:
    node: SourceNode
    y: float
    title: str
    says: str
    per: str
    colour: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueBox:
    node: QueueNode
    y: float
    title: str
    says: str
    types: str
    into: str
    out: str
    missing: str | None
    consumers: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    size: Size
    height: float
    sources: Sequence[SourceBox]
    queues: Sequence[QueueBox]
    exchange: str


def drawn(graph: Graph, size: Size) -> Picture:
    """The picture of `graph` in one size. A `y` is the middle of a box."""
    rows = max(len(graph.sources), len(graph.queues), 1)
    height = rows * ROW + 2 * MARGIN

    def middle(place: int, count: int) -> float:
        return height / 2 + (place - (count - 1) / 2) * ROW

    return Picture(
        size=size,
        height=height,
        sources=[
            _source(node, middle(place, len(graph.sources)), size, place % COLOURS)
            for place, node in enumerate(graph.sources)
        ],
        queues=[
            _queue(node, middle(place, len(graph.queues)), size)
            for place, node in enumerate(graph.queues)
        ],
        exchange=graph.exchange,
    )


def _source(node: SourceNode, y: float, size: Size, colour: int) -> SourceBox:
    if node.pending is None:
        says = "unavailable"
    elif not node.is_led:
        says = "no leader" if size.consumer_x is None else "no relay leads"
    else:
        says = f"{number(node.pending)} pending"
    return SourceBox(
        node=node,
        y=y,
        title=_cut(node.name, size.box),
        says=says,
        per="" if node.per_s is None else rate(node.per_s),
        colour=colour,
    )


def _queue(node: QueueNode, y: float, size: Size) -> QueueBox:
    count = node.consumers or 0
    consumers = f"{count} consumer{'' if count == 1 else 's'}" if count else "no consumer"
    return QueueBox(
        node=node,
        y=y,
        title=_cut(node.name, size.queue),
        says=_says(node, consumers, is_narrow=size.consumer_x is None),
        types=_types(node, is_narrow=size.consumer_x is None),
        into="" if node.in_per_s is None else rate(node.in_per_s),
        out="" if node.out_per_s is None else rate(node.out_per_s),
        missing=_missing(node, size),
        consumers=consumers,
    )


def _says(node: QueueNode, consumers: str, *, is_narrow: bool) -> str:
    if node.ready is None:
        return "no such queue"
    said = f"{number(node.ready)} ready"
    if node.is_full:
        said = f"full: {said}"
    if is_narrow and not node.is_for_people:
        return f"{said}, {consumers}" if node.consumers else consumers
    return f"{said} · {number(node.dead)} dead" if node.dead else said


def _types(node: QueueNode, *, is_narrow: bool) -> str:
    if node.is_for_people:
        return "" if is_narrow else "wanted by none"
    if node.keys is None:
        return "" if is_narrow else "bindings unknown"
    if is_narrow:
        return f"{len(node.keys)}×" if node.keys else ""
    return f"{len(node.keys)} type{'' if len(node.keys) == 1 else 's'}" if node.keys else ""


def _missing(node: QueueNode, size: Size) -> str | None:
    if not node.missing:
        return "not bound" if node.keys is not None and not node.keys else None
    if size.consumer_x is None:
        return "missing"
    room = size.queue_x - size.bar_x - size.bar
    return _cut(f"missing: {', '.join(node.missing)}", room, SMALL_CHARACTER)


def _cut(text: str, room: float, character: float = CHARACTER) -> str:
    most = int((room - 12) / character)
    return text if len(text) <= most else f"{text[: most - 1]}…"
