"""What an optional part of the library needs, and the one line that says so where it is missing.

The core (events, MongoDB, outbox, inbox) has no optional dependency. Every other part names its
extra around its imports, so that a missing package reads as the command that installs it.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

DISTRIBUTION: Final = "postbox-mongo"
_OWN: Final = frozenset({"postbox", "relay"})


class MissingExtra(ImportError):
    """A part of the library was imported, and a package of its extra is not installed."""


@contextmanager
def requires(extra: str) -> Iterator[None]:
    """Import a part's dependencies in this block. MissingExtra names `extra` where one is missing.

    The outermost block wins: its extra includes those of the parts that it imports.
    """
    try:
        yield
    except MissingExtra as error:
        raise MissingExtra(_line(error.name, extra), name=error.name) from None
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in _OWN:
            raise
        raise MissingExtra(_line(error.name, extra), name=error.name) from None


@contextmanager
def required_by_program(extra: str) -> Iterator[None]:
    """As `requires`, for a program: prints the line and exits with 1."""
    try:
        with requires(extra):
            yield
    except MissingExtra as error:
        print(error, file=sys.stderr)
        sys.exit(1)


def _line(package: str | None, extra: str) -> str:
    return f"{package} is not installed: pip install '{DISTRIBUTION}[{extra}]'"
