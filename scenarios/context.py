"""What one story has in its hands: clients, records, the broker, and the programs to hurt."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from uuid_utils import uuid7

from booking_client import Slot
from scenarios.clients.connections import Connections
from scenarios.clients.gateway import USER, Gateway
from scenarios.clients.provider import Provider
from scenarios.clients.records import Records
from scenarios.outcome import Outcome
from scenarios.waiting import Broken, eventually
from stack.running import RunningStack
from stack.tokens import OPERATE, Tokens

TIME_LIMIT_MAX_S: Final = 20.0
"""A story that waits for a booking's deadline waits this long at most."""


class StoryContext:
    """Each story has a context of its own; what it booked is known by the intents' names."""

    def __init__(
        self,
        name: str,
        stack: RunningStack,
        connections: Connections,
        *,
        booked: Callable[[str], None] = lambda intent_id: None,
    ) -> None:
        self.stack = stack
        self._booked = booked
        gateway = connections.info.gateway
        token = None
        if gateway.auth == "jwt":  # a payment whose intent is not known yet is no user's
            token = Tokens(stack.layout).mint(USER, scope=OPERATE)
        self.gateway = Gateway(connections.http, gateway.url, token=token)
        self.provider = Provider(
            connections.http, connections.info.provider.url, traces=self.gateway.traces
        )
        self.records = Records(connections.mongo)
        self.broker = connections.broker
        self.outcomes: dict[str, tuple[Outcome, ...]] = {}
        self.poison: set[str] = set()
        self.afterwards = AsyncExitStack()
        self._name = f"{name}-{uuid7().hex[-8:]}"

    def intent(self) -> str:
        """A new intent's name."""
        name = f"{self._name}-{len(self.outcomes) + 1}"
        self.outcomes[name] = ()
        self._booked(name)
        return name

    def intents(self, count: int) -> list[str]:
        return [self.intent() for _ in range(count)]

    def ends(self, intent_id: str, *outcomes: Outcome) -> None:
        """Say how the intent has to end: in one of these ways."""
        self.outcomes[intent_id] = outcomes

    async def becomes(self, intent_id: str, *statuses: str) -> str:
        """Wait until the gateway shows the booking in one of these; returns which."""
        seen: str | None = None

        async def look() -> str | None:
            nonlocal seen
            seen = await self.gateway.status(intent_id)
            return seen if seen in statuses else None

        try:
            return await eventually(look, for_what=f"{intent_id} to be {' or '.join(statuses)}")
        except Broken as error:
            raise Broken(f"{error}; it is shown as {seen}") from None

    async def tells_of(self, intent_id: str, event_type: str) -> None:
        """Wait until the gateway's timeline of the booking has this event."""

        async def look() -> bool:
            view = await self.gateway.view(intent_id)
            return view is not None and event_type in {one.type for one in view.timeline}

        await eventually(look, for_what=f"{event_type} in the timeline of {intent_id}")

    async def has_a_short_limit(self, intent_id: str) -> None:
        """Wait until the booking has a deadline. Raises `Broken` where no story can wait for it."""

        async def look() -> float | None:
            return await self.records.seconds_left(intent_id)

        seconds = await eventually(look, for_what=f"{intent_id} to have a deadline")
        if seconds > TIME_LIMIT_MAX_S:
            raise Broken(
                f"this stack waits {seconds:.0f} s for a payment, which is too long for this"
                " story: it needs `PAYMENT_TIMEOUT_S=5 make up`"
            )

    @asynccontextmanager
    async def without(self, program: str) -> AsyncIterator[None]:
        """kill -9 the program and keep it down for this block; afterwards it is ready again."""
        try:
            await self.stack.hold(program)
            yield
        finally:
            await self.stack.release(program, wait=False)
        await self.stack.ready(program)

    async def look(self) -> dict[str, Outcome]:
        """How every intent of this story stands now."""
        events = await self.records.events(self.outcomes)
        ledger = await self.provider.ledger()
        found = {}
        for intent_id, emitted in events.items():
            view = await self.gateway.view(intent_id)
            charges = {
                charge["paymentId"]: charge["amount"]
                for charge in ledger["charges"]
                if charge["intentId"] == intent_id
            }
            found[intent_id] = Outcome(
                state=None if view is None else view.status.value,
                reason=None if view is None else view.reason,
                events=tuple(emitted),
                captured=sum(charges.values()),
                refunded=sum(
                    refund["amount"]
                    for refund in ledger["refunds"]
                    if refund["paymentId"] in charges and refund["status"] != "failed"
                ),
                charged_back=sum(
                    dispute["amount"]
                    for dispute in ledger["disputes"]
                    if dispute["paymentId"] in charges and dispute["status"] == "lost"
                ),
            )
        return found

    def differences(self, seen: dict[str, Outcome]) -> list[str]:
        """Where what is seen is none of the outcomes that the story said."""
        found = []
        for intent_id, outcomes in self.outcomes.items():
            problems = [list(outcome.differences(seen[intent_id])) for outcome in outcomes]
            if all(problems):
                found += [
                    f"{intent_id} {text}" for text in (problems or [["was never reported"]])[0]
                ]
        return found


def require(holds: bool, otherwise: str) -> None:
    """Raises `Broken` with the words of `otherwise`."""
    if not holds:
        raise Broken(otherwise)


def free_slot() -> Slot:
    """An hour of tomorrow, of a resource that nobody knows yet."""
    starts_at = (datetime.now(UTC) + timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
    return Slot(
        resource_id=f"room-{uuid7().hex[-8:]}",
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=1),
    )
