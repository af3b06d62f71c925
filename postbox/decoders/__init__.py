"""Ready decoders for messages that are no CloudEvents, as other programs write them.

    service.consume("shop.events", decode=decoders.masstransit(order_of), handler=handle)

Guarantees that each finds the event that a message is, for `fact` to make of it what the handler
works with, or refuses it with a reason. What says that it is a CloudEvent is read as one all the
same: so both may share a queue while their writers change. Does no I/O. Imports events and errors.
"""

from postbox.decoders.debezium import debezium
from postbox.decoders.json_with_id import json_with_id
from postbox.decoders.masstransit import masstransit
from postbox.decoders.plain import plain

__all__ = [
    "debezium",
    "json_with_id",
    "masstransit",
    "plain",
]
