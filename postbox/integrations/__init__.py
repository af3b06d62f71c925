"""Consumers of other frameworks: FastStream and Celery.

Guarantees that a handler of theirs gets the event as its class, and applies it once in effect: what
it writes and the inbox row commit together, and nothing is acknowledged before. Each module needs
the extra of its name. Imports inbox and what that imports.
"""
