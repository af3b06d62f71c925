"""A dead letter is what came, with our own headers: made when a message is set aside, and undone.

Guarantees that a message that is set aside and redriven has the header fields and properties that
it came with, byte for byte, but for three that would act on the way: an expiration would delete it
in its dead queue and is kept as a header meanwhile; a user id would be checked against ours, and
`CC` and `BCC` would send copies to other queues, so these stay renamed.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from pamqp import decode

from postbox.rabbitmq.properties import (
    EXPIRATION,
    USER_ID,
    RawProperties,
    join_array,
    split_array,
)

OURS: Final = "x-postbox-"
REASON, ERROR, QUEUE, AT = f"{OURS}reason", f"{OURS}error", f"{OURS}queue", f"{OURS}at"
EXPIRES, USER, CC, BCC = f"{OURS}expiration", f"{OURS}user-id", f"{OURS}cc", f"{OURS}bcc"
_KEPT: Final = frozenset({USER, CC, BCC})
_DELIVERY: Final = ("x-delivery-count", "x-acquired-")
"""What a quorum queue adds at each delivery: of the delivery, not of the message."""


def set_aside(raw: bytes, said: Mapping[str, str]) -> bytes:
    """The properties of the dead letter: those that came, and `said` as headers."""
    came = RawProperties.read(raw)
    dead = (
        came.without(lambda name: name.startswith((OURS, *_DELIVERY)) and name not in _KEPT)
        .moved_to_header(EXPIRATION, EXPIRES)
        .moved_to_header(USER_ID, USER)
        .renamed("CC", CC)
        .renamed("BCC", BCC)
    )
    for name, text in said.items():
        dead = dead.with_header(name, text)
    return dead.encode()


def redriven(raw: bytes, queue: str) -> bytes:
    """The properties of a dead letter as they were before it came to the dead queue of `queue`.

    One that the broker set aside loses what the broker noted of that death, and of no other.
    """
    dead = RawProperties.read(raw)
    is_ours = any(name == REASON.encode() for name, _ in dead.headers)
    if not is_ours:
        dead = _without_death(dead, queue)
    return (
        dead.moved_to_property(EXPIRES, EXPIRATION)
        .moved_to_header(USER_ID, USER)
        .renamed("CC", CC)
        .renamed("BCC", BCC)
        .without(lambda name: name.startswith((OURS, *_DELIVERY)) and name not in _KEPT)
        .encode()
    )


def _without_death(dead: RawProperties, queue: str) -> RawProperties:
    fields = dict(dead.headers)
    for which in ("first", "last"):
        prefix = f"x-{which}-death-"
        if _decoded(fields.get(f"{prefix}queue".encode())) == queue:
            dead = dead.without(partial(_begins, prefix))
    deaths = fields.get(b"x-death", b"")
    if deaths[:1] != b"A":
        return dead
    others = [one for one in split_array(deaths) if _queue_of(one) != queue]
    if others:
        return dead.with_header("x-death", join_array(others))
    return dead.without(lambda name: name == "x-death")


def _begins(prefix: str, name: str) -> bool:
    return name.startswith(prefix)


def _queue_of(death: bytes) -> object:
    table = _decoded(death)
    return table.get("queue") if isinstance(table, dict) else None


def _decoded(value: bytes | None) -> Any:
    return decode.embedded_value(value)[1] if value else None
