"""Where everything of a story stands in its picture: time runs down, each source has a lane."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from postbox.console.flow.heights import Break, Heights
from postbox.console.flow.story import Step, Story, Taken
from postbox.console.readable import duration

FOOT: Final = 28.0
CHARACTER: Final = 8.0
"""About as wide as one is in a label."""
NOTE_CHARACTER: Final = 6.2
LANE_COLOURS: Final = 8
REACH: Final = 0.88
"""The part of the way to the next lane in which an arrow comes down."""
Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A picture for screens of one kind: its width, and what is left of the first lane."""

    name: str
    width: float
    gutter: float
    margin: float
    """Between the last lane and the edge."""
    names_consumers: bool
    """Whether there is room to name them, where a lane has several."""


SIZES: Final = (
    Size(name="narrow", width=350.0, gutter=92.0, margin=52.0, names_consumers=False),
    Size(name="wide", width=1_000.0, gutter=160.0, margin=110.0, names_consumers=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    name: str
    x: float
    colour: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """From an event to a consumer that took it up; `path` and `head` are SVG's."""

    path: str
    head: str
    x: float
    y: float
    label: str
    label_x: float
    label_y: float
    anchor: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One event on its source's lane."""

    step: Step
    x: float
    y: float
    colour: int
    offset: str
    label_x: float
    anchor: str
    arrows: Sequence[Arrow]
    work: tuple[float, float, float] | None
    """The bar of its consumer's work: its x, top and height."""
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    size: Size
    height: float
    lanes: Sequence[Lane]
    nodes: Sequence[Node]
    breaks: Sequence[Break]


def drawn(story: Story, size: Size) -> Picture:
    """The picture of `story` in one size."""
    heights = Heights(story)
    lanes = _lanes(story.lanes, size)
    nodes = [_node(story, step, lanes, heights, size) for step in story.steps]
    return Picture(
        size=size,
        height=heights.bottom + FOOT,
        lanes=list(lanes.values()),
        nodes=nodes,
        breaks=heights.breaks,
    )


def _spacing(count: int, size: Size) -> float:
    room = size.width - size.gutter - size.margin
    return room / (count - 1) if count > 1 else 0.0


def _lanes(names: Sequence[str], size: Size) -> dict[str, Lane]:
    spacing = _spacing(len(names), size)
    return {
        name: Lane(name=name, x=round(size.gutter + spacing * at, 1), colour=at % LANE_COLOURS)
        for at, name in enumerate(names)
    }


def _node(story: Story, step: Step, lanes: dict[str, Lane], heights: Heights, size: Size) -> Node:
    lane, y = lanes[step.lane], heights.of(step)
    label_x, anchor = _beside(lane.x, len(str(step.event["type"])) * CHARACTER, size)
    return Node(
        step=step,
        x=lane.x,
        y=y,
        colour=lane.colour,
        offset=_offset(story, step),
        label_x=label_x,
        anchor=anchor,
        arrows=[
            _arrow(
                (lane.x, y),
                (lanes[taken.lane].x, heights.of_taken(taken)),
                taken,
                size,
                spacing=_spacing(len(lanes), size),
                is_named=size.names_consumers and len(story.consumers(taken.lane)) > 1,
            )
            for taken in step.taken
        ],
        work=_work(story, step, lane.x, heights),
        note=_cut(_note(step), size.width - label_x if anchor == "start" else label_x),
    )


def _offset(story: Story, step: Step) -> str:
    ms = (step.at - story.steps[0].at).total_seconds() * 1_000
    return "start" if step is story.steps[0] else f"+{duration(ms)}"


def _beside(x: float, width: float, size: Size) -> tuple[float, str]:
    """Where a label begins: to the right of its lane where there is room, else to the left."""
    if x + 10 + width <= size.width:
        return x + 10, "start"
    if x - 10 - width >= size.gutter * 0.4:
        return x - 10, "end"
    return max(4.0, size.width - width - 2), "start"


def _arrow(
    start: Point, target: Point, taken: Taken, size: Size, *, spacing: float, is_named: bool
) -> Arrow:
    (x, y), (to_x, to_y) = start, target
    after = duration(taken.after_ms)
    way = 1 if to_x > x else -1
    if to_x == x:  # by its own source: out to the right, and back
        end, bend = x + 5, min(48.0, size.width - x - 6)
        way_down = (x + bend, y, x + bend, to_y, end, to_y)
    else:
        # Down before the next lane, and straight on from there: it crosses lanes between moments.
        end = to_x - 5 * way
        reach = way * min(abs(end - x), spacing * REACH)
        way_down = (x + reach * 0.45, y, x + reach * 0.55, to_y, x + reach, to_y)
    return Arrow(
        path=f"M{x:.1f} {y:.1f}C{' '.join(f'{one:.1f}' for one in way_down)}H{end:.1f}",
        head=_head(end, to_y, way),
        x=to_x,
        y=to_y,
        label=f"{taken.consumer} {after}" if is_named else after,
        label_x=to_x - 12 * way,
        label_y=to_y + 13,
        anchor="end" if way > 0 else "start",
        says=f"taken up by {taken.consumer} after {after}",
    )


def _head(x: float, y: float, way: int) -> str:
    back = x - 8 * way
    return f"{x:.1f},{y:.1f} {back:.1f},{y - 4.5:.1f} {back:.1f},{y + 4.5:.1f}"


def _work(
    story: Story, step: Step, x: float, heights: Heights
) -> tuple[float, float, float] | None:
    for cause in _causes(story, step):
        top = heights.of_taken(cause)
        return x - 4, top, max(0.0, heights.of(step) - top)
    return None


def _causes(story: Story, step: Step) -> Iterator[Taken]:
    for other in story.steps:
        if other.id == step.cause:
            yield from (taken for taken in other.taken if taken.lane == step.lane)


def _cut(note: str | None, room: float) -> str | None:
    """As much of it as fits; the event's own page has all."""
    most = int(room / NOTE_CHARACTER)
    return note if note is None or len(note) <= most else f"{note[: most - 1]}…"


def _note(step: Step) -> str | None:
    """What keeps an event from arriving, if anything does."""
    state, parked = step.event["state"], step.event["parked"]
    if state == "parked":
        reason = str(parked.get("reason", "")) if parked else ""
        return f"parked: {reason}"
    if state == "pending":
        return "waits for a relay"
    if state == "scheduled":
        return "scheduled"
    return None if step.taken else "no inbox here has it"
