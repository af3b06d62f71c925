"""What the gateway answers with: documents, and its own problems."""

from collections.abc import Mapping
from typing import Any, Final

from postbox.service import ANY_REQUEST, ProblemType, problem_responses
from services.gateway.openapi.schemas import TEXT
from services.gateway.problems import (
    ANOTHER_USER,
    NO_TOKEN,
    TOKEN_NOT_VALID,
    TOO_MANY_REQUESTS,
)

Answers = Mapping[str, Any]


def json(name: str, description: str, **headers: Any) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{name}"}
    answer = {"description": description, "content": {"application/json": {"schema": schema}}}
    return {**answer, "headers": headers} if headers else answer


def header(*, required: bool = False, **schema: Any) -> dict[str, Any]:
    return {"required": required, "schema": schema or TEXT}


_CHALLENGE: Final = {401: {"WWW-Authenticate": header(required=True)}}
ASKING: Final = (NO_TOKEN, TOKEN_NOT_VALID)
NAMING: Final = (*ASKING, ANOTHER_USER)
"""Where a user may be named."""
ACCEPTED: Final[Answers] = {
    "202": json(
        "Accepted",
        "Accepted; it cannot be lost any more",
        **{"traceresponse": header(), "Idempotent-Replayed": header(const="true")},
    )
}


def refused(*kinds: ProblemType) -> Answers:
    """These problems, and those of every request."""
    return problem_responses(*ANY_REQUEST, TOO_MANY_REQUESTS, *kinds, headers=_CHALLENGE)
