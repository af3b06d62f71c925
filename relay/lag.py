"""How far behind the relays are, measured by asking the database: a stuck reader cannot hide it."""

import asyncio
from collections.abc import Mapping
from typing import Final

import pymongo
from pymongo.errors import PyMongoError

from postbox.database import Database
from postbox.source import Shard
from relay import instruments
from relay.checkpoint import Checkpoint
from relay.faults import is_passing
from relay.rows import Rows
from relay.state import Status

QUESTION_TIMEOUT_S: Final = 3.0


async def measure(
    source: str, database: Database, statuses: Mapping[Shard, Status], *, every_s: float
) -> None:
    """Measure, forever, standing by or not: what the source owes, and how old each token is."""
    rows = Rows(database, Shard())
    checkpoints = {shard: Checkpoint(database, shard, holder="", lease_s=0) for shard in statuses}
    is_away = False
    while True:
        try:
            with pymongo.timeout(QUESTION_TIMEOUT_S):
                instruments.pending.set(await rows.count_pending(), {"source": source})
                age_s = await rows.oldest_pending_age_s()
                instruments.oldest_pending_age.set(age_s, {"source": source})
                for shard, checkpoint in checkpoints.items():
                    if (token_age_s := await checkpoint.token_age_s()) is not None:
                        instruments.token_age.set(token_age_s, {"source": statuses[shard].source})
        except PyMongoError as error:
            if not is_passing(error):
                raise
            is_away = True
            for status in statuses.values():
                status.database_failed(f"{type(error).__name__}: {error}")
        else:
            if is_away:
                is_away = False
                for status in statuses.values():
                    status.database_ok()
        await asyncio.sleep(every_s)
