"""What every part of a source's relay needs: its servers, its options, and who relays."""

from dataclasses import dataclass

from postbox.mongo import Database
from postbox.outbox import Source
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
