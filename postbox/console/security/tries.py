"""How often a password may be tried: a few times a minute by one address, and by all together."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

WINDOW_S: Final = 60.0
OF_ONE_MAX: Final = 5
OF_ALL_MAX: Final = 30
ADDRESSES_MAX: Final = 1_000


class Tries:
    """Failed tries within the last minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._of_all: deque[float] = deque(maxlen=OF_ALL_MAX)
        self._by_address: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """How long `address` has to wait before it may try; 0 where it may now."""
        of_one = self._by_address.get(address, deque())
        return max(self._wait_s(of_one, OF_ONE_MAX), self._wait_s(self._of_all, OF_ALL_MAX))

    def begun(self, address: str) -> None:
        """Counts one before it is judged, so that many at once are as many."""
        now = self._clock()
        self._of_all.append(now)
        of_one = self._by_address.setdefault(address, deque(maxlen=OF_ONE_MAX))
        of_one.append(now)
        self._by_address.move_to_end(address)
        if len(self._by_address) > ADDRESSES_MAX:
            self._by_address.popitem(last=False)

    def succeeded(self, address: str) -> None:
        self._by_address.pop(address, None)

    def _wait_s(self, tries: deque[float], most: int) -> float:
        if len(tries) < most:
            return 0.0
        return max(0.0, tries[0] + WINDOW_S - self._clock())
