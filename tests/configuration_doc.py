"""docs/configuration.md, from the programs' settings. `--check`: whether the page is up to date."""

import sys
from pathlib import Path
from typing import Final

from pydantic.fields import FieldInfo

from postbox.console.settings import ConsoleSettings
from postbox.service import Settings
from postbox.service.command_line import EVERYWHERE
from relay.settings import RelaySettings
from services.booking.settings import BookingSettings
from services.gateway.settings import GatewaySettings
from services.payment.settings import PaymentSettings

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"
PROGRAMS: Final[dict[str, type[Settings]]] = {
    "services.gateway": GatewaySettings,
    "services.booking": BookingSettings,
    "services.payment": PaymentSettings,
    "relay": RelaySettings,
    "postbox.console": ConsoleSettings,
}
HEAD: Final = """\
# Configuration

By environment variables, all checked at the start: a program that cannot work as it is configured
ends with one line that names the variable. `python -m <program> --help` shows the same. Written by
`python -m tests.configuration_doc` from the programs' settings; `--check` compares.
"""


def page() -> str:
    """The page as it should be."""
    everywhere = (f"| `{name}` | {reported} |" for name, reported in EVERYWHERE.items())
    parts = [HEAD, "## Every program\n", "| variable | meaning |", "|---|---|", *everywhere]
    for program, kind in PROGRAMS.items():
        parts += [f"\n## `python -m {program}`\n", f"{kind.__doc__}\n"]
        parts += ["| variable | default | meaning |", "|---|---|---|"]
        parts += [_row(name, field) for name, field in kind.model_fields.items()]
    return "\n".join(parts) + "\n"


def _row(name: str, field: FieldInfo) -> str:
    default = "" if field.default in (None, ()) else f"`{field.default}`"
    meaning = " ".join((field.description or "").split())
    return f"| `{name.upper()}` | {'required' if field.is_required() else default} | {meaning} |"


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        if PAGE.read_text() == page():
            return 0
        print(f"{PAGE.name} is out of date: python -m tests.configuration_doc", file=sys.stderr)
        return 1
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
