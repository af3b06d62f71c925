"""Plays stories when asked to over HTTP, one at a time, and says how each goes.

`make up` starts it for the console's buttons (`python -m scenarios.player`).
"""
