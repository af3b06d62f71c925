"""What `postbox relay status` makes of each source: a line a shard, and what is wrong."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from pymongo.errors import PyMongoError

from postbox.cli.database import opened
from postbox.errors import DatabaseUnavailable
from postbox.operations import ShardStatus, SourceStatus, seconds, standing
from postbox.outbox import Source

COLUMNS: Final = (
    *("source", "shard", "leader", "fence", "lag", "token age", "oplog left", "oplog window"),
    *("pending", "parked"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen of one source; `standing` is None where its database did not answer."""

    source: str
    standing: SourceStatus | None
    problems: list[str]

    @property
    def document(self) -> dict[str, Any]:
        stands = {} if self.standing is None else asdict(self.standing)
        return {"source": self.source, **stands, "problems": self.problems}

    @property
    def cells(self) -> list[Sequence[object]]:
        if self.standing is None:
            return [(self.source, "unavailable")]
        window = seconds(self.standing.oplog_window_s)
        return [(self.source, *_cells(shard, window)) for shard in self.standing.shards]


async def look(sources: Sequence[Source], *, lag_max_s: float) -> list[Look]:
    """Look at all sources at once; one that is unavailable does not hide the others."""
    return list(await asyncio.gather(*(_look(source, lag_max_s) for source in sources)))


async def _look(source: Source, lag_max_s: float) -> Look:
    try:
        async with opened(source) as database:
            stands = await standing(database, collection=source.collection)
    except (DatabaseUnavailable, PyMongoError) as error:
        return Look(source=source.name, standing=None, problems=[f"unavailable: {error}"])
    problems = [
        f"shard {shard.shard}: {problem}"
        for shard in stands.shards
        for problem in _problems(shard, lag_max_s)
    ]
    return Look(source=source.name, standing=stands, problems=problems)


def _problems(shard: ShardStatus, lag_max_s: float) -> Iterator[str]:
    if not shard.is_led:
        yield "no relay leads it" + (f"; the last was {shard.holder}" if shard.holder else "")
    if shard.lag_s > lag_max_s:
        yield f"the oldest pending row is {seconds(shard.lag_s)} old"
    if shard.oplog_left_s is not None and shard.oplog_left_s < 0:
        yield "its token is older than the oplog: all pending rows will be read instead"
    if shard.parked:
        yield f"{shard.parked:,} rows are parked"


def _cells(shard: ShardStatus, window: str) -> Sequence[object]:
    return (
        shard.shard,
        shard.holder if shard.is_led else "none",
        shard.fence,
        seconds(shard.lag_s),
        seconds(shard.token_age_s),
        seconds(shard.oplog_left_s),
        window,
        shard.pending,
        shard.parked,
    )
