"""The contracts between the services: events, their limits and how they are routed. No I/O."""
