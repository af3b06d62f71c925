"""Requests as somebody would send them."""

from typing import Any, Final

_SLOT: Final = {
    "resourceId": "plumber-7",
    "startsAt": "2099-03-01T09:00:00Z",
    "endsAt": "2099-03-01T10:30:00Z",
}


def _example(summary: str, **value: Any) -> dict[str, Any]:
    return {"summary": summary, "value": value}


INTENTS: Final = {
    "least": _example("The customer pays at the provider", userId="auth0|ada", amount=4200),
    "slot": _example(
        "A slot, and a card to charge",
        userId="auth0|ada",
        amount=4200,
        currency="EUR",
        slot=_SLOT,
        paymentMethod="pm_card_visa",
    ),
}
CANCELLATIONS: Final = {
    "nothing": _example("By the caller"),
    "name": _example("In the name of a user", requestedBy="auth0|ada"),
}
