"""The parameters of requests, from the types that check them."""

from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from contracts.values import Id, OpaqueId

REF: Final = "#/components/schemas/{model}"


def in_path(name: str, kind: Any) -> dict[str, Any]:
    """A part of the path, which is percent-encoded."""
    schema = TypeAdapter(kind).json_schema()
    return {"name": name, "in": "path", "required": True, "schema": schema}


def in_query(kind: type[BaseModel]) -> list[dict[str, Any]]:
    """What a query may say, all of it optional."""
    properties = kind.model_json_schema(ref_template=REF)["properties"]
    return [
        {"name": name, "in": "query", "schema": _without_null(schema)}
        for name, schema in properties.items()
    ]


def in_header(name: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "header", "schema": {"type": "string", **schema}}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query has no null: what may be left out is left out."""
    options = schema.get("anyOf")
    return options[0] if options else schema


INTENT_ID: Final = in_path("intentId", Id)
RESOURCE_ID: Final = in_path("resourceId", OpaqueId)
