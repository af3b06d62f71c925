"""A payment provider to develop and test against: a process with a durable ledger of its own.

What it guarantees:

- A charge, capture, refund or dispute that was answered is in the ledger, with the answer to its
  idempotency key and the pending webhook: all three commit together, before the answer.
- The same key with the same body gets the same answer forever; metadata is a note and is not
  compared, so that a retry may carry another trace context.
- A pending webhook is sent, signed anew each time, until it is answered 2xx, across restarts.
- All of it survives kill -9 of this process. (SQLite in WAL mode with synchronous=NORMAL: a power
  cut may take the last transactions, the death of the process may not.)

HTTP, all bodies JSON, errors are RFC 9457 problems:

    POST /charges    {intentId, userId, amount, currency, paymentId?, metadata?,
                      webhook?: {delayMs?, repeat?, drop?}}
                     -> 201 {paymentId}; 200 for a known paymentId with equal data, else 409
    POST /captures   {intentId, userId, amount, currency, paymentMethod, metadata?}
                     Idempotency-Key -> 201 {paymentId}; 402 {reason: "declined"} when a fault
                     says so or paymentMethod begins with "decline"
    POST /refunds    {paymentId, amount, currency, webhook?}
                     Idempotency-Key -> 201 {refundId, paymentId, amount, currency, status}; an
                     unknown payment 404; another currency 422; more than is left 422, whose type
                     ends in already-refunded or amount-exceeds-refundable, with {captured,
                     refunded, disputed, chargedBack, refundable}: nothing was done, and the key
                     stays free
    POST /refunds/ID {status: "succeeded" | "failed", webhook?}: how a refund ends; one that has
                     succeeded may still fail
    POST /disputes   {paymentId, amount, webhook?} -> 201 {disputeId, paymentId, amount, status};
                     422 as for a refund
    POST /disputes/ID {outcome: "won" | "lost", webhook?}; a lost one takes the money
    GET  /charges/ID {charges: [one], refunds: [...], disputes: [...]}: all of one charge
    GET  /ledger     {charges: [{paymentId, intentId, userId, amount, currency, at, metadata?}],
                      refunds: [{refundId, paymentId, amount, currency, idempotencyKey, status,
                                 at}],
                      disputes: [{disputeId, paymentId, amount, status, at}]}
    GET  /ledger?after=SEQ&limit=N
                     the same for at most N entries with seq > SEQ, oldest first, each with its
                     seq, and {next, more}: what to pass as `after` next, and whether more waits.
                     A refund or dispute has the `charge` that it is of beside it, and comes again
                     with a new seq when its status changes
    PUT  /faults     {captures|refunds: {failTimes?, timeoutAfterSuccess?, delayMs?, intentId?}}
                     captures: decline?; refunds: paymentId?, pending?, settleAfterMs? or
                     failAfterMs? (refunds are answered `pending`, and end so much later)
    GET, DELETE /faults
    GET  /healthz, /readyz (which says how many webhooksPending)

A webhook has a charge as its body, or {type, ...} with the refund or dispute and its `charge`. The
types are refund.pending, .succeeded, .failed, dispute.opened, .won and .lost. That of a new refund
comes 250 ms after its answer, unless `webhook` says otherwise.

The seq of an entry is the time of its last change in microseconds since 1970, made strictly
increasing over all entries. A reader who wants an overlap of a minute therefore asks for
`after=<next - 60_000_000>`; a cursor also stays meaningful against a new, empty ledger.

A request with an idempotency key whose twin is still being worked on is answered 409, and so is a
key that was used with another body; the problem's type says which.
"""
