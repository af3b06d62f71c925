"""A request to go on in another protocol is not heard: we go on in HTTP/1.1, as RFC 9110 allows.

The parser would take the body for what follows in that protocol. Java's client asks every server
for HTTP/2 so.
"""

import re
from typing import Final

_NAME: Final = re.compile(rb"^upgrade:", re.IGNORECASE | re.MULTILINE)
_END: Final = re.compile(rb"\n\r?\n")
_HELD: Final = (b"upgrade:", b"\r\n")
"""What a line's beginning has to be told apart from, before it is parsed."""


class Upgrades:
    """Renames the field in the bytes of a head, however they are split into packets."""

    def __init__(self) -> None:
        self._held = b""
        self._is_line_begun = True

    def hidden(self, data: bytes, *, begins: bool) -> bytes:
        """What of `data` is to be parsed now; the rest, some bytes, when more has come.

        `begins` says that a request begins with it; else the head of one goes on.
        """
        if begins:
            self._held, self._is_line_begun = b"", True
        data, self._held = self._held + data, b""
        # A line that an earlier packet began is no field's beginning here.
        mark = b"-" if self._is_line_begun else b"\n"
        text = mark + data
        end = _END.search(text)
        head = text[: end.end()] if end else text
        if end is None:
            line = head[head.rfind(b"\n") + 1 :]
            if _may_be_held(line) and head.rfind(b"\n") >= 0:
                self._held, head = line, head[: len(head) - len(line)]
            self._is_line_begun = not head.endswith(b"\n")
        rest = text[end.end() :] if end else b""
        return _NAME.sub(b"x-upgrade:", head)[len(mark) :] + rest


def _may_be_held(line: bytes) -> bool:
    return any(one != line.lower() and one.startswith(line.lower()) for one in _HELD)
