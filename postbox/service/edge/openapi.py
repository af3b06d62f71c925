"""Problems as OpenAPI 3.1 describes them, from the types that answers are made of."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from postbox.service.edge.problems import (
    BODY_ENDED_EARLY,
    BODY_TOO_LARGE,
    HEAD_TOO_LARGE,
    INTERNAL_ERROR,
    MALFORMED_REQUEST,
    NOT_JSON,
    NOT_VALID,
    PROBLEM_JSON,
    REPEATED_KEY,
    TOO_SLOW,
    UNAVAILABLE,
    UNSUPPORTED_BODY,
    ProblemType,
)

ANY_REQUEST: Final = (MALFORMED_REQUEST, TOO_SLOW, HEAD_TOO_LARGE, INTERNAL_ERROR, UNAVAILABLE)
"""What may come of whatever is asked."""
ANY_BODY: Final = (BODY_ENDED_EARLY, BODY_TOO_LARGE)
JSON_BODY: Final = (*ANY_BODY, NOT_JSON, REPEATED_KEY, UNSUPPORTED_BODY, NOT_VALID)
_TEXT: Final = {"type": "string"}
_RETRY_AFTER: Final = {"Retry-After": {"required": True, "schema": {"type": "integer"}}}
_HEADERS: Final[Mapping[int, Mapping[str, Any]]] = {429: _RETRY_AFTER, 503: _RETRY_AFTER}


def problem_responses(
    *kinds: ProblemType, headers: Mapping[int, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """`responses` by status, with an example of each type; `headers` by status, beside ours.

    They refer to `#/components/schemas/Problem`, which is `problem_schema`.
    """
    told = {**_HEADERS, **(headers or {})}
    by_status: dict[int, list[ProblemType]] = {}
    for kind in sorted(kinds, key=lambda kind: kind.status):
        by_status.setdefault(kind.status, []).append(kind)
    return {
        str(status): _response(alike, told.get(status, {})) for status, alike in by_status.items()
    }


def problem_schema(kinds: Sequence[ProblemType]) -> dict[str, Any]:
    """A problem (RFC 9457), of one of `kinds`."""
    kind = {**_TEXT, "format": "uri-reference", "examples": [one.uri for one in kinds]}
    return {
        "type": "object",
        "required": ["type", "title", "status"],
        "properties": {
            "type": {**kind, "description": "Resolves to a page that says what to do"},
            "title": _TEXT,
            "status": {"type": "integer"},
            "field": {**_TEXT, "description": "What the client got wrong, by its name"},
            "detail": _TEXT,
        },
    }


def _response(kinds: Sequence[ProblemType], headers: Mapping[str, Any]) -> dict[str, Any]:
    examples = {
        kind.name: {"summary": kind.title, "description": kind.remedy, "value": kind.problem().body}
        for kind in kinds
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    response = {
        "description": "; ".join(dict.fromkeys(kind.title for kind in kinds)),
        "content": {PROBLEM_JSON: {"schema": schema, "examples": examples}},
    }
    return {**response, "headers": dict(headers)} if headers else response
