"""The consumer's bounds, each with its unit."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ConsumerOptions:
    """The defaults are right for production; tests shrink them."""

    batch_max: int = 128
    prefetch: int = 256
    lanes_max: int = 4  # transactions under way at once; one where either of the next two says so
    small_batch: int = 16  # messages; from there on, one at a time: fuller batches cost less each
    idle_cores_min: int = 1  # with fewer, one at a time: a second lane would slow the first
    tries_max: int = 5
    retry_min_s: float = 0.050
    retry_max_s: float = 2.0
    database_retry_s: float = 0.2
    reconnect_max_s: float = 2.0
    dead_letter_retry_s: float = 1.0
    touch_every_s: float = 2.5  # three of these pass at most until a loss is noticed


DEFAULT_OPTIONS = ConsumerOptions()
