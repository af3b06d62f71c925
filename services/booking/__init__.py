"""The booking service: decides what becomes of a customer's wish to book."""
