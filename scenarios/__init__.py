"""Stories that a person can run against a whole system, from outside, and the one checker of it."""
