"""Processes that are started, kept alive, asked and ended; the supervisor of them all."""
