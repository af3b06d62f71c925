"""A payment provider to develop and test against: a process with a durable ledger of its own.

What it guarantees:

- A charge, capture or refund that was answered is in the ledger, with the answer to its
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
    POST /refunds    {paymentId, amount, currency}
                     Idempotency-Key -> 201 {refundId, paymentId, amount, currency}; an unknown
                     payment 404; more than was captured, or another currency, 422
    GET  /ledger     {charges: [{paymentId, intentId, userId, amount, currency, at, metadata?}],
                      refunds: [{refundId, paymentId, amount, currency, idempotencyKey, at}]}
    GET  /ledger?after=SEQ&limit=N
                     the same for at most N entries with seq > SEQ, oldest first, each with its
                     seq, and {next, more}: what to pass as `after` next, and whether more waits
    PUT  /faults     {captures|refunds: {failTimes?, timeoutAfterSuccess?, delayMs?, decline?,
                      intentId?, paymentId?}}  (decline: captures only, paymentId: refunds only)
    GET, DELETE /faults
    GET  /healthz, /readyz (which says how many webhooksOwed)

The seq of an entry is its time in microseconds since 1970, made strictly increasing over charges
and refunds together. A reader who wants an overlap of a minute therefore asks for
`after=<next - 60_000_000>`; a cursor also stays meaningful against a new, empty ledger.

A request with an idempotency key whose twin is still being worked on is answered 409, and so is a
key that was used with another body; the problem's type says which.
"""
