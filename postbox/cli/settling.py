"""What `postbox dead` and `postbox unrouted` have in common: showing messages, settling them."""

from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Protocol

import orjson
import typer

from postbox.cli import progress
from postbox.cli.options import expect_choice
from postbox.cli.outcome import ExitCode, agree, end, run, say
from postbox.cli.output import print_json, print_table
from postbox.operations import DeadLetter, Done, Found, Selection, redrive

COLUMNS: Final = ("queue", "id", "type", "subject", "reason", "at", "deliveries", "error")
ERROR_CHARS_MAX: Final = 80
"""Of an error in a table; `show` and `--json` have all of it."""


class Settle(Protocol):
    """What becomes of the messages that are selected: redriven, or dropped."""

    def __call__(
        self, uri: str, queue: str, selection: Selection, /, *, done: Done
    ) -> Coroutine[Any, Any, None]: ...


def selection(
    ids: Sequence[str] | None, type_: str | None, reason: str | None, *, everything: bool
) -> Selection:
    """What a command that changes something is to change; it has to be named."""
    chosen = Selection(ids=frozenset(ids) if ids else None, type=type_, reason=reason)
    expect_choice(everything=everything, narrowed=chosen != redrive.ALL)
    return chosen


def list_messages(
    uri: str, queues: Sequence[str], wanted: Selection, *, limit: int, as_json: bool
) -> None:
    """Print what lies in `queues`; ends with 1 where nothing does."""
    messages: list[DeadLetter] = []
    unseen = 0
    for queue in queues:
        found = run(redrive.find(uri, queue, wanted, most=limit))
        messages += found.messages
        unseen += found.unseen
    if as_json:
        print_json({"letters": [_summary(message) for message in messages], "unseen": unseen})
    elif messages:
        print_table(COLUMNS, map(_cells, messages))
    if not as_json and unseen:
        print(f"{unseen:,} more were not looked at (--limit)")
    if not messages:
        end(ExitCode.NOT_SO, "no such message")


def show_message(uri: str, queues: Sequence[str], id_: str) -> None:
    """Print one message whole: what the list says, its headers and its body."""
    for queue in queues:
        found = run(redrive.find(uri, queue, Selection(ids=frozenset((id_,))), most=1))
        for message in found.messages:
            whole = {"headers": dict(message.headers), "body": _body(message)}
            print_json({**_summary(message), "content_type": message.content_type, **whole})
            return
    end(ExitCode.NOT_SO, f"no message has the id {id_}")


def settle_messages(
    uri: str,
    queues: Sequence[str],
    wanted: Selection,
    settle: Settle,
    *,
    plan: str,
    did: str,
    yes: bool,
    as_json: bool,
) -> None:
    """Look which messages are selected, say so, ask, and settle exactly those."""
    found = {queue: run(redrive.find(uri, queue, wanted)) for queue in queues}
    total = sum(len(one.messages) for one in found.values())
    settled = dict.fromkeys(queues, 0)
    if total:
        agree(_said(plan, found), yes=yes)
    with progress.shown(did, total) as advance:
        for queue, one in found.items():
            if one.messages:
                settled[queue] = _settled(settle, uri, queue, one.messages, did, advance)
    if as_json:
        print_json({"matched": total, did: sum(settled.values()), "queues": settled})
    elif total:
        print(f"{did} {sum(settled.values()):,} of {total:,}")
    if not total:
        end(ExitCode.NOT_SO, "no such message")
    if sum(settled.values()) < total:
        end(ExitCode.NOT_SO, "the others were gone, or held by another reader: look again")


def _settled(
    settle: Settle,
    uri: str,
    queue: str,
    messages: Sequence[DeadLetter],
    did: str,
    advance: Callable[[int], None],
) -> int:
    """Settle exactly these; returns how many could be."""
    ids = Selection(ids=frozenset(message.id for message in messages))
    count = 0

    def done(_: DeadLetter) -> None:
        nonlocal count
        count += 1
        advance(1)

    try:
        run(settle(uri, queue, ids, done=done))
    except typer.Exit:
        say(f"{queue}: {did} {count:,} before that; the others are still there")
        raise
    return count


def _said(plan: str, found: dict[str, Found]) -> str:
    lines = [
        f"  {number:,} of {queue}: {type_ or 'unknown type'}" + (f", {reason}" if reason else "")
        for queue, one in found.items()
        for (type_, reason), number in _kinds(one.messages).items()
    ]
    rest = [
        f"  ({one.unseen:,} more of {queue} are for another run of this command)"
        for queue, one in found.items()
        if one.unseen
    ]
    return "\n".join((plan, *lines, *rest))


def _kinds(messages: Sequence[DeadLetter]) -> Counter[tuple[str | None, str | None]]:
    return Counter((message.type, message.reason) for message in messages)


def _summary(message: DeadLetter) -> dict[str, Any]:
    names = ("queue", "id", "type", "subject", "reason", "error", "at", "origin", "routing_key")
    document = {name: getattr(message, name) for name in (*names, "deliveries")}
    return {**document, "bytes": len(message.body)}


def _cells(message: DeadLetter) -> Sequence[object]:
    error = (message.error or "").partition("\n")[0][:ERROR_CHARS_MAX]
    return (*(getattr(message, name) for name in COLUMNS[:-1]), error)


def _body(message: DeadLetter) -> Any:
    try:
        return orjson.loads(message.body)
    except orjson.JSONDecodeError:
        return message.body
