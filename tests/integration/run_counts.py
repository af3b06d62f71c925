"""What a run of these tests did: counted for docs/faults.md and for the run's last lines."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).resolve().parents[2] / ".local" / "containers.json"


class RunCounts:
    def __init__(self) -> None:
        self.harms: Counter[str] = Counter()
        self.bookings = 0
        self.events = 0
        self.seed = 0

    def summary(self) -> dict[str, Any]:
        return {
            "harms": dict(sorted(self.harms.items())),
            "bookings": self.bookings,
            "events": self.events,
            "seed": self.seed,
        }

    def write(self) -> None:
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(json.dumps(self.summary(), indent=2) + "\n")

    def __str__(self) -> str:
        harms = ", ".join(f"{count} {how}" for how, count in sorted(self.harms.items()))
        return (
            f"containers: {harms or 'none harmed'}; I1 to I9 held over {self.bookings:,} bookings"
            f" and {self.events:,} events; POSTBOX_SEED={self.seed} repeats the moments"
        )


TALLY: Final = RunCounts()
