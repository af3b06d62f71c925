"""The consumer of a queue: batches, retries, outages, dead letters.

Guarantees that a message is acknowledged only after its transaction or its dead letter is
confirmed, and that an unavailable server costs no message a try. Imports inbox and rabbitmq.
"""

from postbox.extras import requires

with requires("rabbitmq"):
    from postbox.consumer.consumer import Consumer, T
    from postbox.consumer.consumption import Consumption
    from postbox.consumer.options import DEFAULT_OPTIONS, ConsumerOptions

__all__ = [
    "DEFAULT_OPTIONS",
    "Consumer",
    "ConsumerOptions",
    "Consumption",
    "T",
]
