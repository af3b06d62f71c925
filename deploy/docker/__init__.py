"""The Docker engine: its client, and a daemon of our own where there is none."""
