"""The session of a transaction that there is in memory alone."""

from dataclasses import dataclass, field

from postbox.mongo import Document


@dataclass
class MemorySession:
    """Every outbox takes it, and leaves its rows here: no client is asked, no database written."""

    rows: list[Document] = field(default_factory=list)
