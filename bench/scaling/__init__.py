"""A model of whole bookings: what the measured costs say of other rates, and of more machines."""
