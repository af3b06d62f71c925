"""What the relay is measured at: rates, latency, cost of an event, memory, tracing."""
