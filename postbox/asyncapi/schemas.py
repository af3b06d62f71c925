"""JSON Schemas of event classes, by the library that each is made with."""

from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from importlib.util import find_spec
from typing import Any, Final, Literal

from bson import Decimal128, ObjectId

from postbox.errors import DeclarationError

WHERE: Final = "#/components/schemas/"
_OF_MONGODB: Final[Mapping[type, Mapping[str, Any]]] = {
    ObjectId: {"type": "string", "pattern": "^[0-9a-f]{24}$"},
    Decimal128: {"type": "string"},
}
_BYTES_OF_PYDANTIC: Final = {"type": "string", "format": "binary"}
_BASE64: Final = {"type": "string", "contentEncoding": "base64"}

Schema = dict[str, Any]


def schemas(classes: Sequence[type]) -> tuple[dict[type, Schema], dict[str, Schema]]:
    """The schema of each class's data, and the components that they refer to.

    DeclarationError for a class that has none, and for a name that two different schemas have.
    """
    of_pydantic = [cls for cls in classes if not _is_struct(cls) and _is_known_to_pydantic(cls)]
    of_msgspec = [cls for cls in classes if cls not in of_pydantic]
    own, components = _by_pydantic(of_pydantic) if of_pydantic else ({}, {})
    if of_msgspec:
        more, others = _by_msgspec(of_msgspec)
        own |= more
        for name in others.keys() & components.keys():
            if others[name] != components[name]:
                raise DeclarationError(f"{name}: two classes of this name, of pydantic and msgspec")
        components |= others
    return own, components


def _is_struct(cls: type) -> bool:
    return hasattr(cls, "__struct_fields__")


def _is_known_to_pydantic(cls: type) -> bool:
    """Not so where it is a dataclass with a field that pydantic has no schema for."""
    if not is_dataclass(cls):
        return True
    if find_spec("pydantic") is None:
        return False
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticSchemaGenerationError

    try:
        TypeAdapter(cls)
    except PydanticSchemaGenerationError:
        return False
    return True


def _by_pydantic(classes: Sequence[type]) -> tuple[dict[type, Schema], dict[str, Schema]]:
    from pydantic import TypeAdapter
    from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind

    class Generate(GenerateJsonSchema):
        def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
            """A default that is no JSON is left out, and nobody misses it."""

    inputs: list[tuple[int, Literal["serialization"], TypeAdapter[Any]]] = [
        (index, "serialization", TypeAdapter(cls)) for index, cls in enumerate(classes)
    ]
    by_key, definitions = TypeAdapter.json_schemas(
        inputs,
        ref_template=WHERE + "{model}",
        schema_generator=Generate,
    )
    own = {cls: _as_written(by_key[index, "serialization"]) for index, cls in enumerate(classes)}
    components = definitions.get("$defs", {})
    return own, {name: _as_written(schema) for name, schema in components.items()}


def _as_written(schema: Any) -> Any:
    """Bytes go over the wire as base64."""
    if schema == _BYTES_OF_PYDANTIC:
        return _BASE64
    if isinstance(schema, dict):
        return {name: _as_written(part) for name, part in schema.items()}
    if isinstance(schema, list):
        return [_as_written(part) for part in schema]
    return schema


def _by_msgspec(classes: Sequence[type]) -> tuple[dict[type, Schema], dict[str, Schema]]:
    if find_spec("msgspec") is None:
        raise DeclarationError(f"{classes[0].__qualname__}: no JSON Schema without msgspec")
    import msgspec

    found, components = msgspec.json.schema_components(
        classes, schema_hook=lambda kind: dict(_OF_MONGODB[kind]), ref_template=WHERE + "{name}"
    )
    return dict(zip(classes, found, strict=True)), components
