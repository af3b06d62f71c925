"""The two requests of a booking, made before the clock runs: the intent, and its webhook, signed.

They are signed by `hmac` itself, which is compared with the library's answer at every start.
"""

import base64
import hmac
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

import orjson
from standardwebhooks import Webhook

from bench.errors import BenchFailed
from postbox.events import new_id

AMOUNT: Final = 4_200
CURRENCY: Final = "EUR"
USERS: Final = 1_000
_PREFIX: Final = "whsec_"
_PARENT: Final = "00f067aa0ba902b7"


@dataclass(slots=True, eq=False)
class Booking:
    """One customer's booking; times by the loop's clock."""

    intent_id: str
    payment_id: str
    intent: bytes
    webhook: bytes
    trace_id: str | None = None
    """Where its flow is recorded."""
    began_s: float = 0.0
    confirmed_s: float = 0.0


class BookingFactory:
    """Makes bookings for one stack's two addresses and its secret."""

    def __init__(self, *, gateway_url: str, payment_url: str, secret: str) -> None:
        self._intent_head = _head("/booking/intent", gateway_url)
        self._webhook_head = _head("/payment/captured", payment_url)
        self._key = base64.b64decode(secret.removeprefix(_PREFIX))
        self._agree_with(Webhook(secret))

    def bookings(self, count: int, *, traced_every: int = 0) -> Iterator[Booking]:
        """`count` bookings, signed now: the payment service takes them for five minutes.

        The flow of one in `traced_every` is recorded, by programs whose sampler goes by the parent.
        """
        for number in range(count):
            is_traced = traced_every > 0 and number % traced_every == 0
            trace_id = uuid4().hex if is_traced else None
            yield self._booking(number, int(time.time()), trace_id)

    def _booking(self, number: int, signed_at_s: int, trace_id: str | None) -> Booking:
        intent_id, payment_id = new_id(), f"pay-{new_id()}"
        intent = {
            "intentId": intent_id,
            "userId": f"user-{number % USERS}",
            "amount": AMOUNT,
            "currency": CURRENCY,
        }
        traceparent = f"00-{trace_id}-{_PARENT}-01"
        traced = {"metadata": {"traceparent": traceparent}} if trace_id else {}
        charge = orjson.dumps({**intent, "paymentId": payment_id, **traced})
        signed = b"webhook-id: %s\r\nwebhook-timestamp: %d\r\nwebhook-signature: %s\r\n" % (
            payment_id.encode(),
            signed_at_s,
            self._signature(payment_id, signed_at_s, charge),
        )
        return Booking(
            intent_id=intent_id,
            payment_id=payment_id,
            intent=_request(
                self._intent_head + (f"traceparent: {traceparent}\r\n".encode() if traced else b""),
                orjson.dumps(intent),
            ),
            webhook=_request(self._webhook_head + signed, charge),
            trace_id=trace_id,
        )

    def _signature(self, message_id: str, at_s: int, body: bytes) -> bytes:
        signed = hmac.digest(self._key, b"%s.%d.%s" % (message_id.encode(), at_s, body), "sha256")
        return b"v1," + base64.b64encode(signed)

    def _agree_with(self, library: Webhook) -> None:
        at_s, body = 1_700_000_000, b'{"amount":1}'
        theirs = library.sign("msg-1", datetime.fromtimestamp(at_s, UTC), body.decode())
        if self._signature("msg-1", at_s, body).decode() != theirs:
            raise BenchFailed("the webhooks would not be signed as the library signs them")


def _head(path: str, url: str) -> bytes:
    host = urlsplit(url).netloc
    return f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n".encode()


def _request(head: bytes, body: bytes) -> bytes:
    return b"%scontent-length: %d\r\n\r\n%s" % (head, len(body), body)
