"""The trees that the core scenarios draw, as `traced_system.drawn` writes them."""


def indented(text: str, by: int) -> str:
    return "\n".join("  " * by + line for line in text.strip("\n").splitlines())


PAID = """
payment POST /payment/captured = capture
  payment create payment.captured
    relay publish payment.captured
      booking process payment.captured = confirm
        booking create booking.confirmed
          relay publish booking.confirmed
            gateway process booking.confirmed = project
            payment process booking.confirmed = settle
      gateway process payment.captured = project
"""
TRIVIAL = f"""
gateway POST /booking/intent
  gateway create booking.intent.created
    relay publish booking.intent.created
      booking process booking.intent.created = wait
      gateway process booking.intent.created = noop
{indented(PAID, 1)}
"""
PAYMENT_FIRST = """
gateway POST /booking/intent
  gateway create booking.intent.created
    relay publish booking.intent.created
      booking process booking.intent.created = confirm
        booking create booking.confirmed
          relay publish booking.confirmed
            gateway process booking.confirmed = project
            payment process booking.confirmed = settle
      gateway process booking.intent.created = noop
payment POST /payment/captured = capture
  payment create payment.captured
    relay publish payment.captured
      booking process payment.captured = wait
      gateway process payment.captured = project
"""
AMOUNT_MISMATCH = """
gateway POST /booking/intent
  gateway create booking.intent.created
    relay publish booking.intent.created
      booking process booking.intent.created = wait
      gateway process booking.intent.created = noop
  payment POST /payment/captured = capture
    payment create payment.captured
      relay publish payment.captured
        booking process payment.captured = fail
          booking create booking.failed
            relay publish booking.failed
              gateway process booking.failed = project
              payment process booking.failed = refund
                payment refund at provider = refunded
                  payment POST /refunds
                  payment create payment.refunded
                    relay publish payment.refunded
                      booking process payment.refunded = duplicate
                      gateway process payment.refunded = project
        gateway process payment.captured = project
  payment POST /payment/captured = duplicate
"""
DUPLICATES = """
gateway POST /booking/intent
  gateway create booking.intent.created
    relay publish booking.intent.created
      booking process booking.intent.created = wait
      gateway process booking.intent.created = noop
  payment POST /payment/captured = capture
    payment create payment.captured
      relay publish payment.captured
        booking process payment.captured = confirm
          booking create booking.confirmed
            relay publish booking.confirmed
              gateway process booking.confirmed = duplicate
              gateway process booking.confirmed = project
              payment process booking.confirmed = duplicate
              payment process booking.confirmed = settle
        gateway process payment.captured = project
  payment POST /payment/captured = duplicate
  payment POST /payment/captured = duplicate
"""
"""The webhook came three times, and one event was on the wire twice."""
