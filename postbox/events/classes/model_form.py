"""pydantic models and dataclasses on the wire: by the rules of payloads, and by their aliases."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cached_property
from typing import Any, Final

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from postbox.errors import InvalidPayload
from postbox.events.classes.form import Unreadable


class ModelForm:
    """Of one model."""

    def __init__(self, cls: type) -> None:
        self._cls: Any = cls
        names = (
            cls.model_fields if issubclass(cls, BaseModel) else (f.name for f in fields(self._cls))
        )
        self.fields: Final[frozenset[str]] = frozenset(names)

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self._cls)

    def check(self, *, is_final: bool) -> None:
        """pydantic has checked it."""

    def encode(self, value: Any) -> Mapping[str, Any]:
        try:
            encoded: Mapping[str, Any] = self._adapter.dump_python(
                value, by_alias=True, warnings="error"
            )
        except PydanticSerializationError as error:
            raise InvalidPayload("data", str(error)) from None
        _refuse_bytes(encoded, "data")
        return encoded

    def decode(self, data: Any) -> Any:
        try:
            body = orjson.dumps(data)
        except TypeError as error:
            raise Unreadable(f"no JSON: {error}") from None
        try:
            return self._adapter.validate_json(body)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False, include_context=False)
            others = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise Unreadable(problems[0]["msg"] + others, _path(problems[0]["loc"])) from None


def _path(steps: Iterable[int | str]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _refuse_bytes(value: Any, path: str) -> None:
    """pydantic would read their base64 back as other bytes, unless each model is told otherwise."""
    if isinstance(value, bytes | bytearray):
        raise InvalidPayload(path, "bytes in a pydantic model: make it a Base64Str")
    if isinstance(value, Mapping):
        for key, part in value.items():
            _refuse_bytes(part, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            _refuse_bytes(part, f"{path}[{index}]")
