"""The server's side of a connection, able to withhold an answer and then drop the line.

A client whose answer is withheld sees what it would see of a provider that died after its commit:
silence, then a closed connection, and not one byte of an answer.
"""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

WITHHOLD_S_MAX = 60.0
"""Longer than any client of ours waits."""
WITHHOLD = "provider.withhold"


class Connection(HttpToolsProtocol):
    _withheld = False

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {WITHHOLD: {"call": self._withhold}}

    def _withhold(self) -> None:
        self._withheld = True
        self.loop.call_later(WITHHOLD_S_MAX, self.transport.abort)

    def shutdown(self) -> None:
        """A stopping server does not wait for what will never be answered."""
        if self._withheld:
            self.transport.abort()
        else:
            super().shutdown()


class Withheld(Response):
    """No answer at all: wait until the line is dropped, by the client or by us."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"][WITHHOLD]["call"]()
        while (await receive())["type"] != "http.disconnect":
            pass
