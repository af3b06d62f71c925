"""The form of a class on the wire, whichever library the class is made with."""

import sys
from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import lru_cache
from typing import Any, Final, Protocol

CACHED_MAX: Final = 1_024


class Unreadable(Exception):
    """A value is not what the class says; `path` leads to it, from the value that was asked for."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(f"{path}: {problem}")
        self.problem = problem
        self.path = path

    def inside(self, step: str) -> "Unreadable":
        """The same, of what has the value at `step`."""
        return Unreadable(self.problem, step + self.path)


class Form(Protocol):
    """How the objects of one class are written and read."""

    @property
    def fields(self) -> frozenset[str]:
        """The names of the fields in Python."""
        ...

    def check(self, *, is_final: bool) -> None:
        """DeclarationError for a field that cannot be read back.

        Names that are not defined yet are no error, unless it `is_final`.
        """
        ...

    def encode(self, value: Any) -> Mapping[str, Any]:
        """By the names on the wire, with values that `json_value` makes JSON of."""
        ...

    def decode(self, data: Any) -> Any:
        """The object that `data`, as read from JSON, stands for. Unreadable says what is wrong."""
        ...


def form_of(cls: Any) -> Form | None:
    """The form of `cls`; None where it is neither a dataclass nor a model nor a Struct."""
    return _form_of(cls)


@lru_cache(CACHED_MAX)
def _form_of(cls: Any) -> Form | None:
    """A class of pydantic or msgspec exists only where its library was imported."""
    if not isinstance(cls, type):
        return None
    if _is_of("msgspec", "Struct", cls):
        from postbox.events.classes.struct_form import StructForm

        return StructForm(cls)
    if _is_of("pydantic", "BaseModel", cls) or hasattr(cls, "__pydantic_validator__"):
        from postbox.events.classes.model_form import ModelForm

        return ModelForm(cls)
    if is_dataclass(cls):
        from postbox.events.classes.dataclass_form import DataclassForm

        return DataclassForm(cls)
    return None


def _is_of(library: str, base: str, cls: type) -> bool:
    module = sys.modules.get(library)
    return module is not None and issubclass(cls, getattr(module, base))
