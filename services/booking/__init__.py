"""The booking service: decides what becomes of a customer's intent to book."""
