"""What a customer does at the gateway, by its client."""

from typing import Final

import httpx

from booking_client import Accepted, AsyncBookingClient, Booking, NotFound, Retries, Slot

USER: Final = "ada"
PRICE: Final = 4_200
CURRENCY: Final = "USD"
PATIENT: Final = Retries(deadline_s=30.0, attempts_max=1_000, pause_max_s=0.5)


class Gateway:
    def __init__(self, http: httpx.AsyncClient, url: str, *, token: str | None = None) -> None:
        self._client = AsyncBookingClient(url, token=token, http=http, retries=PATIENT)
        self.traces: dict[str, str] = {}
        """The trace context of each accepted intent; a checkout page gives it to the provider."""

    async def book(
        self,
        intent_id: str,
        *,
        amount: int = PRICE,
        slot: Slot | None = None,
        payment_method: str | None = None,
        key: str | None = None,
    ) -> Accepted:
        """Wish for a booking; asked again until it is accepted, with the same key."""
        accepted = await self._client.create_intent(
            intent_id=intent_id,
            user_id=USER,
            amount=amount,
            currency=CURRENCY,
            slot=slot,
            payment_method=payment_method,
            idempotency_key=key,
        )
        return self._traced(accepted)

    async def cancel(self, intent_id: str) -> Accepted:
        return self._traced(await self._client.cancel(intent_id))

    async def view(self, intent_id: str) -> Booking | None:
        """What the gateway shows of it; None where it knows nothing of it."""
        try:
            return await self._client.booking(intent_id)
        except NotFound:
            return None

    async def status(self, intent_id: str) -> str | None:
        view = await self.view(intent_id)
        return None if view is None else view.status.value

    def _traced(self, accepted: Accepted) -> Accepted:
        if accepted.trace is not None:
            self.traces.setdefault(accepted.intent_id, accepted.trace)
        return accepted
