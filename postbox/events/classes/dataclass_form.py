"""Dataclasses on the wire: by the rules of payloads, and by the names and types of their fields."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from functools import cached_property
from typing import Any, Final, get_type_hints

from postbox.errors import DeclarationError
from postbox.events.classes.form import Unreadable, form_of
from postbox.events.classes.readers import Reader, Unsupported, found, reader


class DataclassForm:
    """Of one dataclass."""

    def __init__(self, cls: type) -> None:
        self._cls: Any = cls
        self._fields: tuple[Field[Any], ...] = fields(self._cls)
        self.fields: Final[frozenset[str]] = frozenset(field.name for field in self._fields)
        self._is_being_checked = False

    def check(self, *, is_final: bool) -> None:
        if self._is_being_checked:
            return  # it is in a field of its own
        self._is_being_checked = True
        try:
            for one in self._readers.values():
                one.check(is_final=is_final)
        except NameError as error:
            if is_final:
                raise DeclarationError(f"{self._cls.__qualname__}: {error}") from None
        finally:
            self._is_being_checked = False

    @cached_property
    def _readers(self) -> dict[str, Reader]:
        hints = get_type_hints(self._cls, include_extras=True)
        readers = {}
        for name in (field.name for field in self._fields if field.init):
            try:
                readers[name] = reader(hints[name])
            except Unsupported as error:
                problem = f"{self._cls.__qualname__}.{name}: {error}"
                raise DeclarationError(problem) from None
        return readers

    def encode(self, value: Any) -> Mapping[str, Any]:
        return {one.name: _plain(getattr(value, one.name)) for one in self._fields}

    def decode(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise Unreadable(f"expected an object, found {found(data)}")
        values = {}
        for field in self._fields:
            if not field.init:
                continue
            try:
                values[field.name] = self._read(field, data)
            except Unreadable as error:
                raise error.inside(f".{field.name}") from None
        given = {name: value for name, value in values.items() if value is not MISSING}
        try:
            return self._cls(**given)
        except (TypeError, ValueError) as error:  # its own checks, in __post_init__
            raise Unreadable(f"{type(error).__name__}: {error}") from error

    def _read(self, field: Field[Any], data: dict[str, Any]) -> Any:
        if field.name in data:
            return self._readers[field.name](data[field.name])
        if field.default is MISSING and field.default_factory is MISSING:
            raise Unreadable("it is missing")
        return MISSING


def _plain(value: Any) -> Any:
    """`value` with mappings in the place of objects; what is in them is left to `json_value`."""
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    form = form_of(type(value))
    return value if form is None else form.encode(value)
