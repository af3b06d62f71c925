"""Who gets Stripe's webhooks, and has Stripe's SDK verify each."""

import json
import time
from typing import Any

import stripe

from tests.provider.receiver import Delivery, Receiver
from tests.provider.stripe.sdk import STRIPE_SECRET


class StripeReceiver(Receiver):
    """`of` tells the deliveries about a PaymentIntent."""

    def read(self, headers: dict[str, str], raw: bytes) -> Delivery:
        signature = headers["stripe-signature"]
        event = stripe.Webhook.construct_event(raw, signature, STRIPE_SECRET)
        return Delivery(event.id, signature, json.loads(raw), time.time())

    def subject(self, body: dict[str, Any]) -> str:
        about = body["data"]["object"]
        return str(about["id"] if about["object"] == "payment_intent" else about["payment_intent"])
