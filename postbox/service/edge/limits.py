"""What the HTTP edge takes at most: of one request, of one connection, and of all of them."""

import resource
from dataclasses import dataclass, replace
from typing import Final, Self

import structlog

log: Final = structlog.get_logger()
BODY_BYTES_MAX: Final = 64 * 1024
FILES_FOR_THE_REST: Final = 256
"""Open files that are kept for all but connections: databases, brokers, logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """Times are in seconds. What is past a limit costs its own connection, and no other."""

    connections_max: int = 2_000
    """Past it, the one that has waited longest for its client makes room."""
    headers_max: int = 100
    head_bytes_max: int = 16 * 1024
    """The target and all header fields of a request."""
    request_s: float = 15.0
    """From the first byte of a request to the last of its body."""
    idle_s: float = 75.0
    """Between requests, and before the first; longer than proxies keep a connection unused."""
    unread_s: float = 30.0
    """That an answer waits for its client to read on."""

    def within_open_files(self) -> Self:
        """With no more connections than open files allow, whose limit is raised where it may be."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = self.connections_max + FILES_FOR_THE_REST
        if soft != resource.RLIM_INFINITY and soft < wanted:
            soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft == resource.RLIM_INFINITY or soft >= wanted:
            return self
        connections_max = max(soft - FILES_FOR_THE_REST, soft // 2)
        log.warning("fewer connections than wanted", limit=connections_max, open_files_max=soft)
        return replace(self, connections_max=connections_max)


LIMITS: Final = HttpLimits()
