"""An at-least-once network: every message arrives, in any order, some of them twice.

Two bits a message in one integer: 0 never sent, 1 under way, 2 arrived, 3 arrived for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

UNDER_WAY: Final = 1
ARRIVED: Final = 2
FOR_GOOD: Final = 3
MESSAGES_MAX: Final = 128
_EVEN_BITS: Final = int("01" * MESSAGES_MAX, 2)


class SentTwice(Exception):
    """The same message was sent a second time: its cause took effect twice."""


class Network:
    """The messages that were ever sent, each known by its number."""

    def __init__(self, *, repeats: bool) -> None:
        self.messages: list[Any] = []
        self._numbers: dict[Any, int] = {}
        self._arrivals: dict[int, Sequence[int]] = {}
        self._arrives_up_to = ARRIVED if repeats else UNDER_WAY

    def number(self, message: Any) -> int:
        number = self._numbers.get(message)
        if number is None:
            number = self._numbers[message] = len(self.messages)
            self.messages.append(message)
            assert number < MESSAGES_MAX
        return number

    def send(self, bits: int, number: int, how: int = UNDER_WAY) -> int:
        if bits >> 2 * number & 3:
            raise SentTwice(self.messages[number])
        return bits | how << 2 * number

    def arrive(self, bits: int, number: int) -> int:
        """The first arrival leaves a repeat possible, where the network repeats at all."""
        return bits + (1 << 2 * number)

    def arrivals(self, bits: int) -> Sequence[int]:
        """The messages that may arrive next."""
        known = self._arrivals.get(bits)
        if known is None:
            sent = range(bits.bit_length() + 1 >> 1)
            known = self._arrivals[bits] = [
                number for number in sent if 0 < bits >> 2 * number & 3 <= self._arrives_up_to
            ]
        return known

    def sent(self, bits: int) -> Sequence[int]:
        return [n for n in range(bits.bit_length() + 1 >> 1) if bits >> 2 * n & 3]

    @staticmethod
    def at_rest(bits: int) -> bool:
        """Nothing is under way any more; what may arrive once more changes nothing of that."""
        return not (bits & ~(bits >> 1) & _EVEN_BITS)
