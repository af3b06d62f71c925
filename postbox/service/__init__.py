"""A program around the library: HTTP edge, health, settings, group commit, life and death.

Guarantees that a program says at `/readyz` what it lacks, emits nothing before its queues exist,
and ends in time when it is asked to. Imports every room but operations and cli.
"""

from postbox.extras import requires

with requires("service"):
    from postbox.service.command_line import read_arguments
    from postbox.service.edge import (
        ANY_BODY,
        ANY_REQUEST,
        HTTP_PROBLEMS,
        JSON_BODY,
        NOT_FOUND,
        NOT_VALID,
        UNSUPPORTED_BODY,
        HttpLimits,
        Problem,
        ProblemType,
        application,
        expect_json,
        operational_routes,
        parse_json,
        problem_responses,
        problem_schema,
        read_body,
        read_json,
        repeated_key,
        reply,
        serve,
        traced,
        traced_by_body,
        unavailable,
    )
    from postbox.service.group_commit import GroupCommit, Submission
    from postbox.service.program import run
    from postbox.service.service import Service
    from postbox.service.settings import (
        ALL_INTERFACES,
        MongoUri,
        Port,
        ServiceSettings,
        Settings,
        load,
    )

__all__ = [
    "ALL_INTERFACES",
    "ANY_BODY",
    "ANY_REQUEST",
    "HTTP_PROBLEMS",
    "JSON_BODY",
    "NOT_FOUND",
    "NOT_VALID",
    "UNSUPPORTED_BODY",
    "GroupCommit",
    "HttpLimits",
    "MongoUri",
    "Port",
    "Problem",
    "ProblemType",
    "Service",
    "ServiceSettings",
    "Settings",
    "Submission",
    "application",
    "expect_json",
    "load",
    "operational_routes",
    "parse_json",
    "problem_responses",
    "problem_schema",
    "read_arguments",
    "read_body",
    "read_json",
    "repeated_key",
    "reply",
    "run",
    "serve",
    "traced",
    "traced_by_body",
    "unavailable",
]
