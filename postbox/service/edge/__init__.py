"""The HTTP edge of a program.

Guarantees that every error is a problem document of a type that has a page, and that no client can
keep the others out: what a request, a connection, and all of them take is bounded.
"""

from postbox.service.edge.application import application, operational_routes
from postbox.service.edge.bodies import expect_json, parse_json, read_body, read_json, repeated_key
from postbox.service.edge.endpoints import traced, traced_by_body
from postbox.service.edge.limits import LIMITS, HttpLimits
from postbox.service.edge.openapi import (
    ANY_BODY,
    ANY_REQUEST,
    JSON_BODY,
    problem_responses,
    problem_schema,
)
from postbox.service.edge.problems import (
    HTTP_PROBLEMS,
    NOT_FOUND,
    NOT_VALID,
    UNSUPPORTED_BODY,
    Problem,
    ProblemType,
    reply,
    unavailable,
)
from postbox.service.edge.server import serve

__all__ = [
    "ANY_BODY",
    "ANY_REQUEST",
    "HTTP_PROBLEMS",
    "JSON_BODY",
    "LIMITS",
    "NOT_FOUND",
    "NOT_VALID",
    "UNSUPPORTED_BODY",
    "HttpLimits",
    "Problem",
    "ProblemType",
    "application",
    "expect_json",
    "operational_routes",
    "parse_json",
    "problem_responses",
    "problem_schema",
    "read_body",
    "read_json",
    "repeated_key",
    "reply",
    "serve",
    "traced",
    "traced_by_body",
    "unavailable",
]
