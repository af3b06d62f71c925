"""The map: sources, the exchange, bindings, queues and consumers, and what is missing of them."""
