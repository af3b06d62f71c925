"""Events as a program writes them: its own dataclasses, pydantic models and msgspec Structs.

Guarantees that what such an object is emitted as reads back as an equal one (a naive time as one
in UTC), or is refused with its path. Imports pydantic or msgspec only where a class is of theirs.
"""

from postbox.events.classes.declaration import (
    AnyFact,
    check_class,
    content_of,
    decode,
    event,
    is_fact,
    type_of,
)

__all__ = [
    "AnyFact",
    "check_class",
    "content_of",
    "decode",
    "event",
    "is_fact",
    "type_of",
]
