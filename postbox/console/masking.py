"""Data that is not for everybody's eyes, masked before it is on any page, or in any JSON."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

MASK: Final = "•••"
ANY: Final = "*"
"""In a path: any name, or any place in a list."""


class Masking:
    """`paths` such as `customer.email` or `items.*.name`, from the top of an event's data."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = [path.split(".") for path in paths]

    def __call__(self, data: Any) -> Any:
        """`data` with what any path leads to replaced; the original is left as it is."""
        for path in self._paths:
            data = _masked(data, path)
        return data


def _masked(value: Any, path: Sequence[str]) -> Any:
    if not path:
        return MASK
    name, rest = path[0], path[1:]
    if isinstance(value, Mapping):
        return {
            key: _masked(part, rest) if name in (ANY, str(key)) else part
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [
            _masked(part, rest) if name in (ANY, str(place)) else part
            for place, part in enumerate(value)
        ]
    return value
