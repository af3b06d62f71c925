"""A dead letter is what came, with our own headers: made when a message is set aside, and undone.

Guarantees that a message that is set aside and redriven has the header fields and properties that
it came with, byte for byte, but for three that would act on the way: an expiration would delete it
in its dead queue and is kept as a header meanwhile; a user id would be checked against ours, and
`CC` and `BCC` would send copies to other queues, so these stay renamed. Its routing key, in whose
place it has its queue's name on the way, is kept as a header. Where its headers leave no room for
ours, the largest of them are left out, and named: RabbitMQ takes no headers that are larger than a
frame, and closes the connection.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from postbox.rabbitmq.properties import (
    EXPIRATION,
    USER_ID,
    RawProperties,
    join_array,
    long_text,
    split_array,
    split_table,
)

OURS: Final = "x-postbox-"
REASON, ERROR, QUEUE, AT = f"{OURS}reason", f"{OURS}error", f"{OURS}queue", f"{OURS}at"
EXPIRES, USER, CC, BCC = f"{OURS}expiration", f"{OURS}user-id", f"{OURS}cc", f"{OURS}bcc"
DROPPED: Final = f"{OURS}dropped-headers"
ROUTING_KEY: Final = f"{OURS}routing-key"
"""Stays on a message that is redriven to its queue, past every exchange, for its next death."""
DEAD_SUFFIX: Final = ".dead"
PROPERTIES_BYTES_MAX: Final = 130_000
"""A frame has 131,072 bytes; the broker adds a few when it delivers the message."""
CUT_ERROR_CHARS: Final = 100
DROPPED_CHARS_MAX: Final = 500
_SAID: Final = frozenset({REASON, ERROR, QUEUE, AT, EXPIRES, DROPPED})
"""What is ours for as long as the message is set aside."""
_DELIVERY: Final = frozenset({"x-delivery-count", "x-acquired-count"})
"""What a quorum queue adds at each delivery: of the delivery, not of the message."""
_DEATHS: Final = ("first", "last")


def set_aside(raw: bytes, said: Mapping[str, str]) -> bytes:
    """The properties of the dead letter: those that came, and `said` as headers."""
    came = RawProperties.read(raw)
    dead = (
        came.without(lambda name: name in _SAID | _DELIVERY)
        .moved_to_header(EXPIRATION, EXPIRES)
        .moved_to_header(USER_ID, USER)
        .renamed("CC", CC)
        .renamed("BCC", BCC)
    )
    for name, text in said.items():
        dead = dead.with_header(name, text)
    if len(dead.encode()) > PROPERTIES_BYTES_MAX and ERROR in said:
        dead = dead.with_header(ERROR, said[ERROR][:CUT_ERROR_CHARS])
    return _fitting(dead).encode()


def _fitting(dead: RawProperties) -> RawProperties:
    """Without the largest headers of the message itself, where all of them are too much."""
    dropped: list[str] = []
    while len(dead.encode()) > PROPERTIES_BYTES_MAX:
        ours = {name.encode() for name in (*_SAID, ROUTING_KEY)}
        own = [field for field in dead.headers if field[0] not in ours]
        if not own:
            break
        largest, _ = max(own, key=lambda field: len(field[0]) + len(field[1]))
        dropped.append(largest.decode(errors="replace"))
        kept = tuple(field for field in dead.headers if field[0] != largest)
        dead = replace(dead, headers=kept)
        dead = dead.with_header(DROPPED, ", ".join(dropped)[:DROPPED_CHARS_MAX])
    return dead


def routing_key(raw: bytes, queue: str) -> str | None:
    """The key under which a message in `queue` was published; None where it has it still."""
    dead = RawProperties.read(raw)
    key = dict(dead.headers).get(ROUTING_KEY.encode())
    if key is None and (death := _death(dead, queue)) is not None:
        keys = _entry(death).get(b"routing-keys", b"")
        key = next(iter(split_array(keys)), None) if keys[:1] == b"A" else None
    return None if key is None or key[:1] != b"S" else key[5:].decode(errors="replace")


def redriven(raw: bytes, queue: str, *, key: str | None = None) -> bytes:
    """The properties of a message in `queue` as they were before it was set aside there.

    One that the broker put into a dead queue loses what the broker noted of that death, and of no
    other. `key` is noted where the message has another one from now on, and where there is room.
    """
    dead = RawProperties.read(raw)
    if REASON.encode() in dict(dead.headers):
        expires = dict(dead.headers).get(EXPIRES.encode())
        dead = _expiring(dead, expires)
    elif queue.endswith(DEAD_SUFFIX):
        dead = _without_death(dead, queue)
    redriven = (
        dead.moved_to_header(USER_ID, USER)
        .renamed("CC", CC)
        .renamed("BCC", BCC)
        .without(lambda name: name in _SAID | _DELIVERY | {ROUTING_KEY})
        .encode()
    )
    if key is None:
        return redriven
    noted = RawProperties.read(redriven).with_header(ROUTING_KEY, key).encode()
    return noted if len(noted) <= PROPERTIES_BYTES_MAX else redriven


def _expiring(message: RawProperties, text: bytes | None) -> RawProperties:
    """With the expiration that a header's value `text` has; as it is where that is none."""
    if text is None or text[:1] != b"S" or not text[5:].isdigit():
        return message
    return message.with_header(EXPIRES, text).moved_to_property(EXPIRES, EXPIRATION)


def _death(dead: RawProperties, queue: str) -> bytes | None:
    """The broker's note of how a message came into this dead queue, if it was the broker."""
    deaths = dict(dead.headers).get(b"x-death", b"")
    if deaths[:1] != b"A" or not queue.endswith(DEAD_SUFFIX):
        return None
    origin = long_text(queue.removesuffix(DEAD_SUFFIX))
    return next((one for one in split_array(deaths) if _entry(one).get(b"queue") == origin), None)


def _without_death(dead: RawProperties, queue: str) -> RawProperties:
    """Without the broker's notes of its death, and with the expiration that it had."""
    value = long_text(queue.removesuffix(DEAD_SUFFIX))
    fields = dict(dead.headers)
    for which in _DEATHS:
        prefix = f"x-{which}-death-"
        if fields.get(f"{prefix}queue".encode()) == value:
            names = {prefix + part for part in ("queue", "reason", "exchange")}
            dead = dead.without(names.__contains__)
    here = _death(dead, queue)
    if here is None:
        return dead
    dead = _expiring(dead, _entry(here).get(b"original-expiration"))
    others = [one for one in split_array(fields[b"x-death"]) if one != here]
    if others:
        return dead.with_header("x-death", join_array(others))
    return dead.without(lambda name: name == "x-death")


def _entry(death: bytes) -> dict[bytes, bytes]:
    """The fields of one entry of `x-death`, none of them decoded; none where it is no table."""
    return dict(split_table(death[5:])) if death[:1] == b"F" else {}
