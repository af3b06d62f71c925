"""Events: finding them over all sources, and one event's whole life."""
