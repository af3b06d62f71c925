"""How many bookings a caller may follow at once, so that one does not take every place."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from services.gateway.problems import TOO_MANY_STREAMS

RETRY_AFTER_S: Final = 5


class Streams:
    """Counts the streams that are open now, by caller."""

    def __init__(self, *, per_caller_max: int) -> None:
        self._per_caller_max = per_caller_max
        self._open: Counter[str] = Counter()

    @contextmanager
    def opened(self, caller: str) -> Iterator[None]:
        """One more of `caller`, for as long as the block runs. Problem 429 at the bound."""
        if self._open[caller] >= self._per_caller_max:
            raise TOO_MANY_STREAMS.problem(headers={"Retry-After": str(RETRY_AFTER_S)})
        self._open[caller] += 1
        try:
            yield
        finally:
            self._open[caller] -= 1
            if not self._open[caller]:
                del self._open[caller]
