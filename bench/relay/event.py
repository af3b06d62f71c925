"""The event that is measured with: 500 bytes on the wire, numbered."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from postbox.events import Event, cloudevents, new_id

BODY_BYTES: Final = 500
SOURCE: Final = "/bench"
SUBJECTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Measured:
    """One of many; `number` counts them."""

    TYPE: ClassVar[str] = "bench.measured"
    number: int
    filling: str

    @property
    def subject(self) -> str:
        return f"subject-{self.number % SUBJECTS:03}"

    def data(self) -> Mapping[str, Any]:
        return {"number": f"{self.number:08}", "filling": self.filling}


def measured(number: int) -> Measured:
    """The event of this number, filled up so that its body has 500 bytes."""
    return Measured(number, _FILLING)


def traceparent(*, is_sampled: bool) -> str:
    """A trace context of its own, as a service would write it into a row."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-{is_sampled:02x}"


def _body_bytes(filling: str) -> int:
    fact = Measured(0, filling)
    event = Event(
        id=new_id(),
        type=fact.TYPE,
        subject=fact.subject,
        source=SOURCE,
        time=datetime(2026, 1, 1, microsecond=123_000, tzinfo=UTC),
        data=fact.data(),
    )
    return len(cloudevents.encode(event))


_FILLING: Final = "x" * (BODY_BYTES - _body_bytes(""))
