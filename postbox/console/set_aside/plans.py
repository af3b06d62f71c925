"""What a person is asked to confirm: an action on exactly these, and no others."""

import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from postbox.console.set_aside.places import Item

GOOD_FOR_S: Final = 600.0
PLANS_MAX: Final = 20
"""Each may name 10,000 of every place."""


class Action(Enum):
    """What can be done."""

    REDRIVE = "redrive"  # back to where it was set aside; a parked row is put back
    SEND = "send"  # to another queue or exchange
    DROP = "drop"  # gone for good


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One action, on the ids of each place. It is good once, for ten minutes, for `session`."""

    action: Action
    places: dict[str, list[str]]
    groups: Counter[tuple[str, str | None, str | None]]
    """How many by place, type and reason."""
    session: str
    until: float

    @property
    def total(self) -> int:
        return sum(map(len, self.places.values()))


class Plans:
    """Those that wait for a person's yes."""

    def __init__(self) -> None:
        self._plans: OrderedDict[str, Plan] = OrderedDict()

    def made(self, action: Action, items: Sequence[Item], *, session: str) -> tuple[str, Plan]:
        """A plan for `items`, but for parked rows where the action is not for these."""
        fit = [item for item in items if item.kind != "parked" or action is Action.REDRIVE]
        places: dict[str, list[str]] = {}
        for item in fit:
            places.setdefault(item.place, []).append(item.id)
        plan = Plan(
            action=action,
            places={place: list(dict.fromkeys(ids)) for place, ids in places.items()},
            groups=Counter((item.place, item.type, item.reason) for item in fit),
            session=session,
            until=time.monotonic() + GOOD_FOR_S,
        )
        name = secrets.token_urlsafe(12)
        self._plans[name] = plan
        if len(self._plans) > PLANS_MAX:
            self._plans.popitem(last=False)
        return name, plan

    def taken(self, name: str, *, session: str) -> Plan | None:
        """The plan, which nobody can take again; None where there is none that is still good."""
        plan = self._plans.get(name)
        if plan is None or plan.session != session:
            return None
        del self._plans[name]
        return plan if plan.until > time.monotonic() else None
