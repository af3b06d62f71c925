"""The stories, by theme. Each drives the system and says how its bookings have to end.

A story returns what happened, in a sentence. Whoever plays it then waits for the outcomes, and has
the invariants checked.
"""
