"""What can be wrong with something that claims to be one of our events."""

from collections.abc import Sequence


class ContractError(ValueError):
    """A message breaks the contract; sending it again cannot help."""


class UnknownEventType(ContractError):
    """No event of this type exists in this version of the contracts."""

    def __init__(self, event_type: str) -> None:
        super().__init__(f"unknown event type {event_type!r}")
        self.event_type = event_type


class InvalidEvent(ContractError):
    """The data does not fit the event's type; `errors` holds (field, message) pairs."""

    def __init__(self, event_type: str, errors: Sequence[tuple[str, str]]) -> None:
        text = "; ".join(f"{field}: {message}" for field, message in errors)
        super().__init__(f"{event_type}: {text}")
        self.event_type = event_type
        self.errors = tuple(errors)
