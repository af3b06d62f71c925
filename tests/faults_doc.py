"""docs/faults.md, from the tests' own `fault` markers. `--check`: whether the page is up to date.

The line about the last run of the container tests is written from what that run counted; it is no
part of the check, for every run counts anew.
"""

import ast
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "faults.md"
LAST_RUN: Final = ROOT / ".local" / "containers.json"
LAST_RUN_BEGINS: Final = "The last run"
IN_CONTAINERS: Final = "tests/integration/"

FAULTS: Final = {
    1: "a process is killed after its writes, before the commit",
    2: "a process is killed after the commit, before the HTTP reply",
    3: "the commit's reply is lost, or it is applied and then an error",
    4: "transient transaction errors",
    5: "two consumers, one event",
    6: "the relay is killed after publish, after confirm, before its checkpoint",
    7: "the primary steps down, or is lost, under load",
    8: "mongod is killed and comes back",
    9: "the primary is cut off from the other members",
    10: "the broker is killed in the middle of publishing",
    11: "the broker is frozen, or a confirm is lost",
    12: "a binding is missing",
    13: "a queue is full; the broker raises an alarm",
    14: "poison: not JSON, invalid, a bug in a handler",
    15: "every order and repeat of a saga's events",
    16: "a consumer is killed between commit and acknowledgement",
    17: "SIGTERM in the middle of work",
    18: "the provider times out after success, or answers 500 or 409",
    19: "a late charge; a refund that fails, then works; a cancel against a payment",
    20: "clocks ten minutes apart",
    21: "the oplog rolled over while the relay was down",
    22: "the outbox collection is dropped",
    23: "two relays, one frozen past its lease, then thawed",
    24: "a slow consumer",
    25: "the database's disk is full",
    26: "a webhook that never comes",
    27: "the booking service is down for longer than the payment time limit",
    28: "a random walk over all of these, under load",
    30: "an administrative command is cut off in the middle",
    31: "rows and payloads that other programs write",
    32: "servers that somebody used before: the same names, another kind",
    33: "a certificate, virtual host, permission or limit: the connection is refused",
    34: "several batches of one queue are under way at once",
}

HEAD: Final = """\
# Faults, and the tests that inject them

Written by `python -m tests.faults_doc` from the tests' own `fault` markers; `--check` compares.
**Bold**: with real containers; after each of those, I1 to I9 of [guarantees](guarantees.md) hold.
The others assert the invariant that the fault is about.

"""


@dataclass(frozen=True, order=True)
class Injected:
    """A test that injects a fault, and what it calls it."""

    number: int
    path: str
    test: str
    name: str


def page() -> str:
    """The page as it should be, but for the line about the last run."""
    found: dict[int, list[Injected]] = {}
    for one in sorted(set(_injected())):
        found.setdefault(one.number, []).append(one)
    unknown = found.keys() - FAULTS.keys()
    if unknown:
        sys.exit(f"markers of faults that have no line in {Path(__file__).name}: {sorted(unknown)}")
    rows = ["| # | fault | injected by |", "|---|---|---|"]
    for number, fault in FAULTS.items():
        tests = "<br>".join(_cell(one) for one in found.get(number, ())) or "no marked test"
        rows.append(f"| {number} | {fault} | {tests} |")
    return HEAD + "\n".join(rows) + "\n"


def _cell(one: Injected) -> str:
    link = f"[{one.test}](../{one.path})"
    return f"**{link}**" if one.path.startswith(IN_CONTAINERS) else link


def _injected() -> Iterator[Injected]:
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                relative = str(path.relative_to(ROOT))
                # Markers of single parameters stand within a decorator too.
                for decorator in node.decorator_list:
                    yield from _marked(decorator, relative, node.name)


def _marked(decorator: ast.expr, path: str, test: str) -> Iterator[Injected]:
    for call in ast.walk(decorator):
        match call:
            case ast.Call(
                func=ast.Attribute(attr="fault"),
                args=[ast.Constant(value=int(number)), ast.Constant(value=str(name))],
            ):
                yield Injected(number, path, test, name)


def last_run() -> str:
    """A sentence about the last run of the container tests here; empty if there was none."""
    if not LAST_RUN.exists():
        return ""
    run = json.loads(LAST_RUN.read_text())
    harms = ", ".join(f"{count} {how}" for how, count in run["harms"].items())
    return (
        f"\n{LAST_RUN_BEGINS} of the container tests harmed containers"
        f" {sum(run['harms'].values())} times ({harms}),"
        f" and checked {run['bookings']:,} bookings and {run['events']:,} events.\n"
    )


def main() -> None:
    wanted = page()
    old = PAGE.read_text() if PAGE.exists() else ""
    if "--check" in sys.argv[1:]:
        kept = old.partition(f"\n{LAST_RUN_BEGINS}")[0]
        if kept != wanted:
            sys.exit(f"{PAGE.relative_to(ROOT)} is out of date: python -m tests.faults_doc")
    else:
        counted = last_run() or "".join(old.partition(f"\n{LAST_RUN_BEGINS}")[1:])
        PAGE.write_text(wanted + counted)


if __name__ == "__main__":
    main()
