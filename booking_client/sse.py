"""Server-sent events out of bytes, as the HTML standard reads them."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

EVENT_CHARS_MAX: Final = 8 * 1024 * 1024
_LINE_END: Final = re.compile(r"\r\n|\n|\r(?!\Z)")  # what follows a final \r is not known yet


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """`id` is the last that the stream gave, in this event or before it."""

    name: str
    data: str
    id: str


class Reader:
    """Takes a stream's bytes as they come, and gives the events that are whole."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._text = ""
        self._name = ""
        self._data: list[str] = []
        self._id = ""

    def feed(self, content: bytes) -> Iterator[ServerSentEvent]:
        """Raises ValueError where one event is far too long."""
        *lines, self._text = _LINE_END.split(self._text + self._decoder.decode(content))
        for line in lines:
            if (event := self._line(line)) is not None:
                yield event
        if len(self._text) + sum(map(len, self._data)) > EVENT_CHARS_MAX:
            raise ValueError(f"an event is over {EVENT_CHARS_MAX:,} characters")

    def _line(self, line: str) -> ServerSentEvent | None:
        if not line:
            event = ServerSentEvent(self._name or "message", "\n".join(self._data), self._id)
            is_event = bool(self._data)
            self._name, self._data = "", []
            return event if is_event else None
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
        elif name == "id" and "\0" not in value:
            self._id = value
        return None
