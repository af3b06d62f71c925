"""Values as people and programs read them: JSON's own types, and lengths of time in words."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any


def seconds(value: float | None) -> str:
    """A length of time as people say it: 4.2 s, 3 min, 2.5 h, 4 d."""
    if value is None:
        return "unknown"
    for unit_s, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(value) >= 2 * unit_s:
            return f"{value / unit_s:.0f} {unit}"
    return f"{value:.1f} s"


def plain(value: Any) -> Any:
    """`value` in JSON's own types; what has none there as the text that names it."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): plain(part) for key, part in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(part) for part in value]
        case bytes():
            return value.decode(errors="backslashreplace")
        case _:
            return str(value)
