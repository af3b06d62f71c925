"""The provider's port on Stripe's SDK.

A capture is a PaymentIntent that is created and confirmed at once, without the customer: what asks
for more of them is declined. Stripe remembers an idempotency key for a day at least, and answers it
as it did first, with an error of its own too; what was made by an older one is known by the
metadata. The list of what moved is several of Stripe's: what was created, by `created`, and the
events of what moved later, which Stripe keeps for 30 days.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final, TypeVar

import stripe

from services.payment.provider.port import (
    Captured,
    Declined,
    Page,
    Refused,
    Unanswered,
    UnknownCharge,
    made_refund,
    understood,
)
from services.payment.provider.stripe.reports import (
    CAPTURE_ID,
    IDEMPOTENCY_KEY,
    charge_report,
    dispute_report,
    is_paid,
    metadata_of,
    moves_money,
    refund_report,
)
from services.payment.provider.stripe.transport import Transport
from services.payment.rules.state import Capture, Payment, Refund

PAGE_ENTRIES: Final = 100
"""As many as Stripe gives at a time."""
SECOND_US: Final = 1_000_000
CLOCKS_DIFFER: Final = timedelta(hours=1)
REFUSALS: Final = ("charge_already_refunded", "charge_disputed")
MOVED: Final = (
    "payment_intent.succeeded",
    "refund.updated",
    "refund.failed",
    "charge.dispute.updated",
    "charge.dispute.closed",
)
T = TypeVar("T")
Object = Mapping[str, Any]


class StripeProvider:
    """Stripe, or what speaks as it does at another address."""

    def __init__(self, api_key: str, *, address: str | None = None) -> None:
        self._transport = Transport()
        self._client = stripe.StripeClient(
            api_key,
            base_addresses={"api": address.rstrip("/")} if address else {},
            max_network_retries=0,
            http_client=self._transport,
        )
        self._api = self._client.v1

    async def close(self) -> None:
        await self._transport.close_async()

    async def capture(self, capture: Capture, *, traceparent: str) -> str:
        created = self._api.payment_intents.create_async(
            {
                "amount": capture.amount,
                "currency": capture.currency.lower(),
                "payment_method": capture.payment_method,
                "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                "confirm": True,
                "error_on_requires_action": True,
                "metadata": {
                    "intent_id": capture.intent_id,
                    "user_id": capture.user_id,
                    CAPTURE_ID: capture.capture_id,
                    "traceparent": traceparent,
                },
            },
            {"idempotency_key": f"capture:{capture.capture_id}"},
        )
        try:
            intent = await _answered(created)
        except Refused as error:  # too little or too much for Stripe, however often it is asked
            raise Declined from error
        if not is_paid(intent):  # as it was when the key was first used, not as it is
            intent = await self.intent(_payment_id(intent))
        return _paid(intent)

    async def refund(self, payment: Payment) -> Refund:
        assert payment.asking is not None, "only what is decided to be asked for is asked for"
        payment_id, key = payment.charge.payment_id, payment.refund_key
        created = self._api.refunds.create_async(
            {
                "payment_intent": payment_id,
                "amount": payment.asking,
                "metadata": {IDEMPOTENCY_KEY: key},
            },
            {"idempotency_key": key},
        )
        return made_refund(payment, refund_report(await _answered(created), {"id": payment_id}))

    async def captured(self, capture: Capture) -> str | None:
        """Of Stripe's list, for its search may be an hour behind."""
        assert capture.asked_at is not None, "what was never asked for was never made"
        since = int((capture.asked_at - CLOCKS_DIFFER).timestamp())
        query = {"created": {"gte": max(since, 0)}, "limit": PAGE_ENTRIES}
        made = [
            one
            async for page in _walk(self._api.payment_intents.list_async, query)
            for one in page
            if metadata_of(one).get(CAPTURE_ID) == capture.capture_id
        ]
        return _paid(max(made, key=is_paid)) if made else None

    async def refunded(self, payment: Payment) -> Refund | None:
        of = {"payment_intent": payment.charge.payment_id, "limit": PAGE_ENTRIES}
        async for page in _walk(self._api.refunds.list_async, of):
            for one in page:
                report = refund_report(one, {"id": payment.charge.payment_id})
                if report["idempotencyKey"] == payment.refund_key:
                    return made_refund(payment, report)
        return None

    async def intent(self, payment_id: str) -> Object:
        """The PaymentIntent. Raises UnknownCharge or Unanswered."""
        return await _answered(self._api.payment_intents.retrieve_async(payment_id))

    async def charge(self, payment_id: str) -> Page | None:
        try:
            intent = await self.intent(payment_id)
        except UnknownCharge:
            return None
        of = {"payment_intent": payment_id, "limit": PAGE_ENTRIES}
        refunds = [one async for page in _walk(self._api.refunds.list_async, of) for one in page]
        disputes = [one async for page in _walk(self._api.disputes.list_async, of) for one in page]
        return Page(
            charges=[charge_report(intent)] if is_paid(intent) else [],
            refunds=[refund_report(one, intent) for one in refunds],
            disputes=[dispute_report(one, intent) for one in disputes if moves_money(one)],
            next=0,
            more=False,
        )

    async def pages(self, after: int) -> AsyncIterator[Page]:
        """Stripe lists the newest first, so one goes on from elsewhere only once all is read."""
        until = max(after, await self._newest_event())
        since = {"created": {"gte": after // SECOND_US}, "limit": PAGE_ENTRIES}
        whole = {**since, "expand": ["data.payment_intent"]}
        async for intents in _walk(self._api.payment_intents.list_async, since):
            yield _page(after, charges=[charge_report(one) for one in intents if is_paid(one)])
        async for refunds in _walk(self._api.refunds.list_async, whole):
            yield _page(after, refunds=[refund_report(one, _intent_in(one)) for one in refunds])
        async for disputes in _walk(self._api.disputes.list_async, whole):
            moving = [one for one in disputes if moves_money(one)]
            yield _page(after, disputes=[dispute_report(one, _intent_in(one)) for one in moving])
        moved = {**since, "types": list(MOVED)}
        async for events in _walk(self._api.events.list_async, moved):
            yield await self._of_events(after, [one["data"]["object"] for one in events])
        yield _page(until)

    async def _newest_event(self) -> int:
        """When it happened, in microseconds: what happens later is listed the next time."""
        newest = await _answered(self._api.events.list_async({"limit": 1}))
        return max((one["created"] * SECOND_US for one in newest["data"]), default=0)

    async def _of_events(self, after: int, objects: list[Object]) -> Page:
        charges = [charge_report(one) for one in objects if one.get("object") == "payment_intent"]
        refunds = [one for one in objects if one.get("object") == "refund"]
        disputes = [one for one in objects if one.get("object") == "dispute" and moves_money(one)]
        ids = {one.get("payment_intent") for one in (*refunds, *disputes)}
        intents = await self._intents(one for one in ids if isinstance(one, str))

        def of(one: Object) -> Object:
            return intents.get(str(one.get("payment_intent")), {})

        return _page(
            after,
            charges=charges,
            refunds=[refund_report(one, of(one)) for one in refunds],
            disputes=[dispute_report(one, of(one)) for one in disputes],
        )

    async def _intents(self, ids: Iterable[str]) -> dict[str, Object]:
        wanted = list(ids)
        found = await asyncio.gather(*(self.intent(one) for one in wanted))
        return dict(zip(wanted, found, strict=True))


def _payment_id(intent: Object) -> str:
    return understood(Captured, {"paymentId": intent.get("id")}).payment_id


def _paid(intent: Object) -> str:
    """The paymentId. Raises Declined or Unanswered where it is not paid."""
    if is_paid(intent):
        return _payment_id(intent)
    status = intent.get("status")
    if status in ("requires_payment_method", "canceled"):
        raise Declined
    raise Unanswered(f"the PaymentIntent is {status}")


def _page(
    next_: int,
    *,
    charges: Iterable[dict[str, Any]] = (),
    refunds: Iterable[dict[str, Any]] = (),
    disputes: Iterable[dict[str, Any]] = (),
) -> Page:
    return Page(
        charges=list(charges),
        refunds=list(refunds),
        disputes=list(disputes),
        next=next_,
        more=False,
    )


def _intent_in(thing: Object) -> Object:
    """The PaymentIntent that Stripe was asked to put in; a very old charge has none."""
    intent = thing.get("payment_intent")
    return intent if isinstance(intent, Mapping) else {}


async def _walk(
    list_async: Callable[[Any], Awaitable[stripe.ListObject[Any]]], query: Object
) -> AsyncIterator[list[Object]]:
    """All pages of a list of Stripe's."""
    page = await _asked(list_async(query))
    while True:
        yield [one.to_dict() for one in page.data]
        if not page.has_more:
            return
        page = await _asked(page.next_page_async())


async def _answered(call: Awaitable[stripe.StripeObject]) -> Object:
    return (await _asked(call)).to_dict()


async def _asked(call: Awaitable[T]) -> T:
    """What Stripe's SDK raises, in the port's words."""
    try:
        return await call
    except stripe.CardError as error:
        raise Declined from error
    except stripe.InvalidRequestError as error:
        if error.code in REFUSALS or error.param == "amount":
            raise Refused(error.code or "amount") from error
        if error.code == "resource_missing" and error.param != "payment_method":
            raise UnknownCharge("Stripe does not know the payment") from error
        if error.param == "payment_method":
            raise Declined from error
        raise Unanswered(_told(error)) from error
    except stripe.StripeError as error:
        raise Unanswered(_told(error)) from error


def _told(error: stripe.StripeError) -> str:
    if error.http_status is None:
        return str(error)
    about = " ".join(str(one) for one in (error.code, getattr(error, "param", None)) if one)
    return f"Stripe answered {error.http_status} {about or type(error).__name__}"
