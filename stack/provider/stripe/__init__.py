"""The provider's second door: it speaks Stripe's API, over the same ledger as the first.

It is open where `STRIPE_API_KEY` and `STRIPE_WEBHOOK_SECRET` are set; webhooks are then Stripe's
events, signed as Stripe signs them. Stripe's own SDK is told of it by `base_addresses`.

    POST /v1/payment_intents   amount, currency, payment_method, confirm=true, metadata
                               -> 200; 402 `card_declined` where payment_method has "decline" in it
    GET  /v1/payment_intents, /v1/charges, /v1/refunds, /v1/disputes, /v1/events
                               newest first: created[gt|gte|lt|lte], starting_after, ending_before,
                               limit; also payment_intent, charge, and type or types of events
    GET  /v1/.../ID            expand[] works for charge, latest_charge and payment_intent
    POST /v1/refunds           payment_intent or charge, amount, metadata
                               -> 200; 400 `charge_already_refunded`, `charge_disputed`, or without
                               a code where less is left

Disputes are opened and closed, and faults armed, at the first door. What both doors made is listed
at both. A request must name the version of API that the objects have, or none.

`Idempotency-Key`: the same request gets the same answer forever, 402 and 400 of the execution too;
another request gets 400 `idempotency_error`, one at the same time 409 `idempotency_key_in_use`.
"""
