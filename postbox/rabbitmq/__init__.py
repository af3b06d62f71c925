"""RabbitMQ: connections, topology, confirmed publishing, and the frames beneath.

Guarantees that a publish is mandatory and confirmed, that an event is persistent, that what is
passed on stays as it came, and that a connection that breaks takes everything that depends on it
along. Imports events and errors.
"""

from postbox.extras import requires

with requires("rabbitmq"):
    from postbox.rabbitmq import dead_letter
    from postbox.rabbitmq.connection import broker_errors, connected, raw_channel
    from postbox.rabbitmq.content_mode import STRUCTURED, ContentMode
    from postbox.rabbitmq.dead_letter import AT, ERROR, QUEUE, REASON, ROUTING_KEY
    from postbox.rabbitmq.publisher import Outcome, Outgoing, Publisher
    from postbox.rabbitmq.receiver import raw_properties
    from postbox.rabbitmq.topology import DECLARE_TIMEOUT_S, EXCHANGE, Declare, Topology

__all__ = [
    "AT",
    "DECLARE_TIMEOUT_S",
    "ERROR",
    "EXCHANGE",
    "QUEUE",
    "REASON",
    "ROUTING_KEY",
    "STRUCTURED",
    "ContentMode",
    "Declare",
    "Outcome",
    "Outgoing",
    "Publisher",
    "Topology",
    "broker_errors",
    "connected",
    "dead_letter",
    "raw_channel",
    "raw_properties",
]
