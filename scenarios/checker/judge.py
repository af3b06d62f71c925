"""The invariants by name. Each looks at a snapshot and says, in sentences, where it is broken."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Final

from scenarios.checker import delivery, money, sagas
from scenarios.checker.snapshot import Snapshot

SENTENCES_MAX: Final = 20
"""Of one invariant; a broken system of a million bookings need not be reported whole."""

INVARIANTS: Final[Mapping[str, Callable[[Snapshot], Iterator[str]]]] = {
    "I1": delivery.every_event_reached_every_consumer,
    "I2": delivery.each_effect_once,
    "I3": sagas.state_and_event_together,
    "I4": money.kept_is_expected,
    "I5": sagas.no_slot_sold_twice,
    "I6": sagas.every_saga_final,
    "I7": delivery.nothing_behind_the_checkpoint,
    "I8": delivery.only_poison_is_set_aside,
    "read model": sagas.read_model_is_true,
}


def judge(snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    """Every invariant, with its violations."""
    return {
        name: tuple(islice(invariant(snapshot), SENTENCES_MAX))
        for name, invariant in INVARIANTS.items()
    }
