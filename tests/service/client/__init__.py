"""The client, on the running services."""
