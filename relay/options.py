"""Every bound that the relay keeps, with its unit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The defaults are right for production; tests shrink them."""

    lease_s: float = 4.0
    """How long the lease of a relay that died stays valid; standbys poll for its end."""
    sweep_every_s: float = 30.0
    sweep_age_s: float = 60.0
    """Pending rows older than this were missed by the stream."""
    publish_deadline_s: float = 10.0
    """On the oldest unconfirmed message; past it the connection is dropped."""
    window_messages_max: int = 4_096
    window_bytes_max: int = 8 * 1024 * 1024
    skip_max: int = 10_000
    """How many ids of a backfill's last pass are kept, to be skipped in the stream."""
    drain_s: float = 5.0
    """On SIGTERM: how long to wait for what is in flight."""
    measure_every_s: float = 3.0
    idle_save_s: float = 5.0
    """How often the token of a quiet stream is saved."""
