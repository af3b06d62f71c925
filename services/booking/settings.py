"""The booking service's configuration."""

from pydantic import PositiveFloat

from postbox.service import Port, ServiceSettings


class BookingSettings(ServiceSettings):
    """Decides on bookings: intents, payments, cancels and deadlines."""

    booking_port: Port = 3001
    """The port to serve HTTP on."""
    payment_timeout_s: PositiveFloat = 900
    """Seconds that a pending booking waits for its payment; the payment service needs it too."""
    intent_timeout_s: PositiveFloat = 900
    """Seconds that a payment waits for its intent; the payment service needs it too."""
