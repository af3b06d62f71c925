"""Where the money of one charge is: the amounts, the booking's verdict, and one word for both.

The payment service keeps them and the gateway shows them; both take the word from `STATUSES`.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from contracts.values import Amount, Value


class Verdict(StrEnum):
    """What the booking made of a charge. It is never taken back once it is `refused`."""

    UNJUDGED = "unjudged"  # the booking has not judged it yet
    SETTLED = "settled"  # it pays for a confirmed booking
    REFUSED = "refused"  # the customer is to have it back


class PaymentStatus(StrEnum):
    """Where the money of a charge is."""

    CAPTURED = "captured"  # taken from the customer; the booking has not judged it yet
    SETTLED = "settled"  # pays for a confirmed booking
    PARTIALLY_REFUNDED = "partially_refunded"  # a part went back; what is left still counts
    DISPUTED = "disputed"  # the customer's bank asks for it; the outcome is open
    REFUND_PENDING = "refund_pending"  # to go back to the customer, or on its way
    REFUNDED = "refunded"  # given back
    CHARGED_BACK = "charged_back"  # taken back by the customer's bank


class RefundedBy(StrEnum):
    """Who asked the provider for a refund."""

    SERVICE = "service"  # the payment service
    ELSEWHERE = "elsewhere"  # somebody else, such as support staff in the provider's dashboard


Sum = Annotated[int, Field(strict=True, ge=0)]


class Money(Value):
    """The amounts of one charge, in minor units of its currency.

    `sequence` counts the reports that changed them: of two, the higher one is the later.
    """

    sequence: Sum = 0
    captured: Amount
    refunded: Sum = 0
    refund_pending: Sum = 0
    """Refunds that the provider has accepted and that are on their way."""
    disputed: Sum = 0
    """Disputes that are open."""
    charged_back: Sum = 0
    """Disputes that were lost."""

    @property
    def kept(self) -> int:
        """What is not on its way back. A refund that fails comes back into it."""
        return max(0, self.captured - self.refunded - self.refund_pending - self.charged_back)

    @property
    def refundable(self) -> int:
        """What the provider would give back now: nothing of what is disputed."""
        return max(0, self.kept - self.disputed)


class Condition(StrEnum):
    """When a status applies, in the words of the documentation."""

    ON_ITS_WAY = "nothing is kept, and a refund is still on its way"
    TAKEN_BACK = "nothing is kept, after a lost dispute"
    ALL_BACK = "nothing is kept"
    REFUSED = "the booking refused it"
    DISPUTED = "a dispute is open"
    PART_BACK = "a part is back or on its way"
    SETTLED = "the booking is paid by it"
    OTHERWISE = "otherwise"


STATUSES: Final[Mapping[Condition, PaymentStatus]] = {
    Condition.ON_ITS_WAY: PaymentStatus.REFUND_PENDING,
    Condition.TAKEN_BACK: PaymentStatus.CHARGED_BACK,
    Condition.ALL_BACK: PaymentStatus.REFUNDED,
    Condition.REFUSED: PaymentStatus.REFUND_PENDING,
    Condition.DISPUTED: PaymentStatus.DISPUTED,
    Condition.PART_BACK: PaymentStatus.PARTIALLY_REFUNDED,
    Condition.SETTLED: PaymentStatus.SETTLED,
    Condition.OTHERWISE: PaymentStatus.CAPTURED,
}
"""The first whose condition holds is the status."""

_HOLDS: Final[Mapping[Condition, Callable[[Verdict, Money], bool]]] = {
    Condition.ON_ITS_WAY: lambda verdict, money: not money.kept and money.refund_pending > 0,
    Condition.TAKEN_BACK: lambda verdict, money: not money.kept and money.charged_back > 0,
    Condition.ALL_BACK: lambda verdict, money: not money.kept,
    Condition.REFUSED: lambda verdict, money: verdict is Verdict.REFUSED,
    Condition.DISPUTED: lambda verdict, money: money.disputed > 0,
    Condition.PART_BACK: lambda verdict, money: money.kept < money.captured,
    Condition.SETTLED: lambda verdict, money: verdict is Verdict.SETTLED,
    Condition.OTHERWISE: lambda verdict, money: True,
}


def status_of(verdict: Verdict, money: Money) -> PaymentStatus:
    """The one word for where the money is."""
    return next(
        status for condition, status in STATUSES.items() if _HOLDS[condition](verdict, money)
    )
