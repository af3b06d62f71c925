"""The passwords of the programs, from the environment: one a program, the same for both servers."""

import os
import sys
from typing import Final

SERVICES: Final = ("gateway", "booking", "payment")
RELAY: Final = "relay"
CONSOLE: Final = "console"
ADMINISTRATOR: Final = "postbox-admin"


def password(user: str) -> str:
    """The password of this user; ends the program with one line where it is missing."""
    variable = f"{user.upper().replace('-', '_')}_PASSWORD"
    value = os.environ.get(variable)
    if not value:
        sys.exit(f"setup: {variable} is not set")
    return value
