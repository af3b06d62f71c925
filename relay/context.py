"""What every part of a source's relay needs: its servers, its options, and who relays."""

from dataclasses import dataclass

from postbox.mongo import Database
from postbox.outbox import CHECKPOINTS, Fields, Shard, Source
from postbox.rabbitmq import STRUCTURED, ContentMode, Declare
from relay.checkpoint import Checkpoint
from relay.options import Options


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceContext:
    """Shared by all shards of a source. `holder` names this process in leases."""

    source: Source
    database: Database
    rabbitmq_uri: str
    exchange: str
    holder: str
    options: Options
    mode: ContentMode = STRUCTURED
    declare: Declare = "all"
    fields: Fields = Fields()  # noqa: RUF009 - immutable

    def checkpoint(self, shard: Shard) -> Checkpoint:
        """That of one shard, as this process sees it."""
        return Checkpoint(
            self.database,
            shard,
            holder=self.holder,
            lease_s=self.options.lease_s,
            collection=self.source.beside(CHECKPOINTS),
        )
