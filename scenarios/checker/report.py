"""What a check found: for each invariant the sentences that say where it does not hold."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Report:
    """`violations` names every invariant that was judged; it is empty where the invariant holds."""

    violations: Mapping[str, tuple[str, ...]]
    bookings: int
    events: int
    seconds: float

    @property
    def ok(self) -> bool:
        return not any(self.violations.values())

    @property
    def sentences(self) -> list[str]:
        """Each violation, with its invariant in front."""
        return [f"{name}: {text}" for name, texts in self.violations.items() for text in texts]

    def __str__(self) -> str:
        if self.ok:
            return (
                f"{', '.join(self.violations)} hold over {self.bookings:,} bookings"
                f" and {self.events:,} events."
            )
        return "\n".join(self.sentences)
