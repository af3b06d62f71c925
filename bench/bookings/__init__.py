"""Whole bookings: by HTTP in, through all the programs, to `confirmed` in the read model.

The bench is the payment provider here: it signs and sends the webhooks itself, so the simulator's
ledger has no part in it, and what the bench sent is the ledger.
"""
