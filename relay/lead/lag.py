"""How far behind the relays are, as the database reports it: a stuck reader cannot hide it."""

import asyncio
from collections.abc import Mapping
from typing import Final

import pymongo
from pymongo.errors import PyMongoError

from postbox.errors import DatabaseUnavailable
from postbox.mongo import reason
from postbox.operations import backlog
from postbox.outbox import Shard
from relay import metrics
from relay.context import SourceContext
from relay.state import Status

QUERY_TIMEOUT_S: Final = 3.0


async def measure(context: SourceContext, statuses: Mapping[Shard, Status]) -> None:
    """Measure forever, as a leader or a standby: the pending rows, and the age of each token."""
    database, labels = context.database, {"source": context.source.name}
    collection = context.source.collection
    checkpoints = {shard: context.checkpoint(shard) for shard in statuses}
    is_unavailable = True  # until its first reply
    while True:
        try:
            with pymongo.timeout(QUERY_TIMEOUT_S):
                due = await backlog.due(database, collection=collection)
                metrics.pending.set(due.count, labels)
                metrics.oldest_pending_age.set(due.lag_s, labels)
                for shard, checkpoint in checkpoints.items():
                    if (token_age_s := await checkpoint.token_age_s()) is not None:
                        metrics.token_age.set(token_age_s, statuses[shard].labels)
        except (PyMongoError, DatabaseUnavailable) as error:
            is_unavailable = True
            why = reason(error) if isinstance(error, PyMongoError) else str(error)
            for status in statuses.values():
                status.database_failed(why)
        else:
            if is_unavailable:
                is_unavailable = False
                for status in statuses.values():
                    status.database_ok()
        await asyncio.sleep(context.options.measure_every_s)
