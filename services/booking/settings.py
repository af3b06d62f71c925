"""The booking service's configuration."""

from pydantic import PositiveFloat

from postbox.settings import Port, ServiceSettings


class BookingSettings(ServiceSettings):
    """Decides on bookings: intents, payments, cancels and deadlines."""

    booking_port: Port = 3001
    payment_timeout_s: PositiveFloat = 900
    """How long a pending booking waits for its payment."""
    intent_timeout_s: PositiveFloat = 900
    """How long a payment waits for its intent."""
