"""The one checker of what must hold: `await check(stack) -> Report`."""

from scenarios.checker.check import check
from scenarios.checker.judge import INVARIANTS, judge
from scenarios.checker.report import Report
from scenarios.checker.snapshot import OutboxRow, Snapshot, read

__all__ = ["INVARIANTS", "OutboxRow", "Report", "Snapshot", "check", "judge", "read"]
