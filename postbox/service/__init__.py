"""A program around the library: HTTP edge, health, settings, group commit, life and death.

Guarantees that a program says at `/readyz` what it lacks, emits nothing before its queues exist,
and ends in time when it is asked to. Imports every room but operations and cli.
"""

from postbox.extras import requires

with requires("service"):
    from postbox.service.command_line import read_arguments
    from postbox.service.endpoints import traced, traced_by_body
    from postbox.service.group_commit import GroupCommit, Submission
    from postbox.service.http import application, operational_routes, serve
    from postbox.service.problems import (
        Problem,
        expect_json,
        parse_json,
        read_body,
        read_json,
        repeated_key,
        reply,
        unavailable,
    )
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
    "GroupCommit",
    "MongoUri",
    "Port",
    "Problem",
    "Service",
    "ServiceSettings",
    "Settings",
    "Submission",
    "application",
    "expect_json",
    "load",
    "operational_routes",
    "parse_json",
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
