"""The invariants over all bookings of the run: what broke one is not fast, but wrong."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from bench.bookings.requests import AMOUNT, CURRENCY, Booking
from bench.errors import BenchFailed
from bench.workbench import POLL_S, Workbench, until
from scenarios.checker import judge, read
from scenarios.clients.connections import connect

REST_LIMIT_S: Final = 60.0
SENTENCES_MAX: Final = 10


async def verify(bench: Workbench, bookings: Sequence[Booking]) -> None:
    """BenchFailed with the first sentences of the checker, where an invariant does not hold."""
    await _at_rest(bench, len(bookings))
    charges: tuple[dict[str, Any], ...] = tuple(
        {
            "paymentId": booking.payment_id,
            "intentId": booking.intent_id,
            "amount": AMOUNT,
            "currency": CURRENCY,
        }
        for booking in bookings
    )
    began_s = time.monotonic()
    async with connect(bench.stack.info) as connections:
        snapshot = await read(connections)
    # The bench sent the webhooks itself: what it sent is the ledger that money is judged by.
    broken = [
        f"{name}: {sentence}"
        for name, sentences in judge(replace(snapshot, charges=charges)).items()
        for sentence in sentences
    ]
    if broken:
        raise BenchFailed("an invariant is broken:\n" + "\n".join(broken[:SENTENCES_MAX]))
    if len(snapshot.bookings) != len(bookings):
        raise BenchFailed(f"{len(snapshot.bookings):,} bookings for {len(bookings):,} customers")
    took_s = time.monotonic() - began_s
    bench.say(f"bookings: every invariant holds over all of them (looked for {took_s:.1f} s)")


async def _at_rest(bench: Workbench, count: int) -> None:
    """Wait until every payment is settled and no refund is pending."""
    payments = bench.client["payment"]["payments"]

    async def is_at_rest() -> bool:
        if await payments.count_documents({"state": "settled"}) != count:
            return False
        for name in ("gateway", "booking", "payment"):
            outbox = bench.client[name]["outbox"]
            if await outbox.find_one({"state": "pending"}, hint="pending") is not None:
                return False
        return True

    await until(is_at_rest, "all payments to be settled", limit_s=REST_LIMIT_S, poll_s=5 * POLL_S)
    await until(
        lambda: _all_heard(bench, count), "the last events to be applied", limit_s=REST_LIMIT_S
    )


async def _all_heard(bench: Workbench, count: int) -> bool:
    """Three events a booking: each heard by the gateway, and by one other service."""
    heard = {
        name: await bench.client[name]["inbox"].estimated_document_count()
        for name in ("gateway", "booking", "payment")
    }
    return heard == {"gateway": 3 * count, "booking": 2 * count, "payment": count}
