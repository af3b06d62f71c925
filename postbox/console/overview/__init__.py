"""How everything stands, as it changes: sources, queues, and what needs a person."""
