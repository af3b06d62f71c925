"""postbox.consumer"""

from postbox.consumer.consumer import Consumer, T
from postbox.consumer.options import DEFAULT_OPTIONS, ConsumerOptions

__all__ = [
    "DEFAULT_OPTIONS",
    "Consumer",
    "ConsumerOptions",
    "T",
]
