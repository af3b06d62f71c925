"""A page for each HTTP API, of its OpenAPI document; one for the events, of the AsyncAPI one."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from website.layout import ROOT

Schema = Mapping[str, Any]
FOLDER: Final = ROOT / "docs" / "api"
_METHODS: Final = ("get", "put", "post", "patch", "delete")


def http_apis() -> dict[str, str]:
    """The text of each page, by its place in the site."""
    pages = {}
    for path in sorted(FOLDER.glob("*.json")):
        document = json.loads(path.read_text())
        if "openapi" in document:
            pages[f"http/{path.stem}.md"] = _text(_http(document, path.name))
        elif "asyncapi" in document:
            pages["http/events.md"] = _text(_events(document, path.name))
    return pages


def _http(document: Schema, name: str) -> Iterator[str]:
    yield f"# {document['info']['title']}"
    yield document["info"].get("description", "")
    yield f"Described by [{name}](../api/{name}), an OpenAPI {document['openapi']} document."
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                shared = operations.get("parameters", [])
                yield from _operation(method, path, operations[method], shared, document)


def _operation(
    method: str, path: str, of: Schema, shared: list[Schema], document: Schema
) -> Iterator[str]:
    yield f"## {method.upper()} {path} {{ #{of['operationId']} }}"
    yield _sentence(of.get("summary", ""))
    yield of.get("description", "")
    parameters = [_resolved(one, document) for one in [*shared, *of.get("parameters", [])]]
    yield _table(
        ("parameter", "in", "what it is"),
        [(_code(one["name"]), one["in"], _described(one, document)) for one in parameters],
    )
    for body in _contents(of.get("requestBody", {}), document):
        yield "The body:"
        yield _fields(body, document)
    yield _table(
        ("status", "when"),
        [
            (_code(status), _cell(_resolved(answer, document).get("description", "")))
            for status, answer in of["responses"].items()
        ],
    )
    for status, answer in of["responses"].items():
        if status.startswith("2"):
            for body in _contents(answer, document):
                yield f"The answer of {status}:"
                yield _fields(body, document)


def _events(document: Schema, name: str) -> Iterator[str]:
    yield "# Events"
    yield document["info"].get("description", "")
    yield f"Described by [{name}](../api/{name}), an AsyncAPI {document['asyncapi']} document."
    for kind, message in document["components"]["messages"].items():
        message = _resolved(message, document)
        yield f"## {kind} {{ #{kind} }}"
        yield message.get("summary") or message.get("description") or ""
        payload = _resolved(message["payload"], document)
        payload = _resolved(payload.get("schema", payload), document)
        data = payload.get("properties", {}).get("data", payload)
        yield _fields(_resolved(data, document), document)


def _contents(of: Schema, document: Schema) -> Iterator[Schema]:
    for content in _resolved(of, document).get("content", {}).values():
        schema = _resolved(content.get("schema", {}), document)
        if schema.get("properties"):
            yield schema


def _fields(schema: Schema, document: Schema) -> str:
    required = set(schema.get("required", ()))
    return _table(
        ("field", "", "what it is"),
        [
            (_code(name), "required" if name in required else "", _described(field, document))
            for name, field in schema.get("properties", {}).items()
        ],
    )


def _described(of: Schema, document: Schema) -> str:
    """A parameter or a field: its type, and what is said of it."""
    schema = of.get("schema", of)
    said = of.get("description") or _resolved(schema, document).get("description", "")
    return _cell(". ".join(part for part in (_type(schema, document), said) if part))


def _type(schema: Schema, document: Schema) -> str:
    schema = _resolved(schema, document)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " or ".join(dict.fromkeys(_type(one, document) for one in schema[word]))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type", "")
    kind = " or ".join(kind) if isinstance(kind, list) else kind
    if kind == "array":
        return f"array of {_type(schema.get('items', {}), document)}"
    return f"{kind} ({schema['format']})" if "format" in schema else kind


def _resolved(of: Schema, document: Schema) -> Schema:
    """What a `$ref` of the same document leads to."""
    while "$ref" in of:
        found: Any = document
        for key in of["$ref"].removeprefix("#/").split("/"):
            found = found[key.replace("~1", "/").replace("~0", "~")]
        of = found
    return of


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _code(text: str) -> str:
    return f"`{text}`"


def _sentence(text: str) -> str:
    return text if text.endswith(".") or not text else f"{text}."


def _text(parts: Iterator[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"
