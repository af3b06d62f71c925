"""How long a call goes on asking, and how long it waits in between."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """The pause doubles from the first to the longest, less up to a half of it by chance.

    `Retry-After` is waited for where it is longer; where it is past the deadline, the call ends.
    """

    deadline_s: float = 30.0
    attempts_max: int = 10
    pause_first_s: float = 0.1
    pause_max_s: float = 5.0
    answer_timeout_s: float = 10.0
    """How long one attempt waits for the next bytes."""

    def __post_init__(self) -> None:
        for name in ("deadline_s", "attempts_max", "pause_first_s", "answer_timeout_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: must be more than 0")

    def pause_s(self, attempt: int, retry_after_s: float | None = None) -> float:
        """Before the attempt after `attempt`, which is 1 or more."""
        longest = min(self.pause_max_s, self.pause_first_s * 2.0 ** min(attempt - 1, 60))
        return max(longest * random.uniform(0.5, 1.0), retry_after_s or 0.0)
