"""Where each part of a world stands in a state: a flat tuple of integers.

`(network, gateway's network, flags, bookings..., payments..., captures..., accounts..., heard...,
views...)`; a row is a
number into a table of interned rows, 0 where there is none. `accounts` are the provider's, and
`heard` is what the payment service knows of their refunds and disputes, one each a payment.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from tests.model.scenario import Scenario

State = tuple[int, ...]
NETWORK, GATEWAY_NETWORK, FLAGS = range(3)


class Rows:
    """Equal rows get one number, so that states are small and equal where they should be."""

    def __init__(self) -> None:
        self._rows: list[Any] = [None]
        self._numbers: dict[Hashable, int] = {None: 0}

    def number(self, row: Hashable) -> int:
        number = self._numbers.get(row)
        if number is None:
            number = self._numbers[row] = len(self._rows)
            self._rows.append(row)
        return number

    def __getitem__(self, number: int) -> Any:
        return self._rows[number]


class Layout:
    """The places of a scenario's rows, and a bit for each thing that is true or not."""

    def __init__(self, scenario: Scenario) -> None:
        charges = (*scenario.charges, *(asked.charge for asked in scenario.captures))
        self.intents = {name: i for i, name in enumerate(scenario.intent_ids)}
        self.charges = {charge.payment_id: charge for charge in charges}
        self.payments = {name: j for j, name in enumerate(self.charges)}
        self.captures = {asked.capture_id: k for k, asked in enumerate(scenario.captures)}
        self.booking = FLAGS + 1
        self.payment = self.booking + len(self.intents)
        self.capture = self.payment + len(self.payments)
        self.account = self.capture + len(self.captures)
        self.heard = self.account + len(self.payments)
        self.view = self.heard + len(self.payments)
        self.size = self.view + (len(self.intents) if scenario.gateway else 0)
        self._bits = 0
        self.deadline_set = self._flags(len(self.intents))
        self.holds_slot = self._flags(len(self.intents))
        self.closed = self._flags(len(self.intents))
        self.rejected = self._flags(len(self.payments))  # by the booking
        self.refund_answer = self._flags(len(self.payments))  # under way
        self.charged = self._flags(len(self.captures))  # at the provider
        self.declined = self._flags(len(self.captures))  # at the provider
        self.capture_answer = self._flags(len(self.captures))  # under way

    def _flags(self, count: int) -> list[int]:
        masks = [1 << (self._bits + index) for index in range(count)]
        self._bits += count
        return masks
