"""The web page over operations: for people on call, and for who wants to see the flow of events.

Guarantees that nobody sees anything unless signed in, or on loopback; that whatever changes
something is confirmed by a person who may, and is in the audit before it is done; and that looking
costs a bounded amount. It knows no booking. Imports operations, service and what they import.
"""

from collections.abc import Sequence

from postbox.extras import requires

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """The program, by the process's own arguments where none are given. MissingExtra."""
    # Imported here, so that `python -m postbox.console` says in one line what is missing.
    with requires("console"):
        from postbox.console.program import main as program
    program(arguments)
