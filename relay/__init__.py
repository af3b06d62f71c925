"""The relay: publishes every committed outbox row, at least once, whatever is killed meanwhile."""
