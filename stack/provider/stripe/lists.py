"""Stripe's lists: newest first, by `created`, a cursor at a time."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from stack.provider.stripe.errors import invalid_request, missing
from stack.provider.stripe.operations import Parameters, Text
from stack.provider.stripe.rows import EVENTS, Row, Rows, Table

LIMIT_DEFAULT: Final = 10
LIMIT_MAX: Final = 100
SECOND_US: Final = 1_000_000
Seconds = Annotated[int, Field(ge=0, lt=2**40)]


class Created(Parameters):
    gt: Seconds | None = None
    gte: Seconds | None = None
    lt: Seconds | None = None
    lte: Seconds | None = None


class ListQuery(Parameters):
    created: Created | Seconds = Created()
    starting_after: Text | None = None
    ending_before: Text | None = None
    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT
    payment_intent: Text | None = None
    charge: Text | None = None
    type: Text | None = None
    types: Annotated[dict[str, str], Field(default_factory=dict)]


def page(
    rows: Rows,
    table: Table,
    query: ListQuery,
    *,
    url: str,
    id_of: Callable[[str], str],
    show: Callable[[Row], dict[str, Any]],
) -> dict[str, Any]:
    """One page; `id_of` turns a cursor's id into the row's."""
    conditions, parameters = _conditions(rows, table, query)
    forward = query.ending_before is None
    cursor = query.starting_after if forward else query.ending_before
    if cursor is not None:
        at = rows.one(table, id_of(cursor))
        if at is None:
            param = "starting_after" if forward else "ending_before"
            raise missing(table.kind, cursor, param)
        conditions.append("seq < :cursor" if forward else "seq > :cursor")
        parameters["cursor"] = at["seq"]
    found = rows.some(
        table,
        " AND ".join(conditions) or "1",
        parameters,
        limit=query.limit + 1,
        oldest_first=not forward,
    )
    shown = [show(row) for row in found[: query.limit]]
    return {
        "object": "list",
        "data": shown if forward else shown[::-1],
        "has_more": len(found) > query.limit,
        "url": url,
    }


def _conditions(rows: Rows, table: Table, query: ListQuery) -> tuple[list[str], dict[str, Any]]:
    conditions: list[str] = []
    parameters: dict[str, Any] = {}
    for name, (condition, value) in _times(query.created).items():
        conditions.append(f"{condition} :{name}")
        parameters[name] = value
    payment_id = query.payment_intent or (query.charge and rows.payment_of(query.charge))
    if payment_id is not None:
        if table is EVENTS:
            raise invalid_request("Received unknown parameter", code="parameter_unknown")
        conditions.append(f"{'payment_id' if table.kind != 'payment_intent' else 'id'} = :payment")
        parameters["payment"] = payment_id
    types = [*query.types.values(), *([query.type] if query.type else [])]
    if types:
        if table is not EVENTS:
            raise invalid_request("Received unknown parameter: type", code="parameter_unknown")
        names = {f"type{place}": type_ for place, type_ in enumerate(types)}
        conditions.append(f"type IN ({', '.join(f':{name}' for name in names)})")
        parameters |= names
    return conditions, parameters


def _times(created: Created | int) -> Mapping[str, tuple[str, int]]:
    """The bounds on `seq`, which has microseconds where `created` has seconds."""
    if isinstance(created, int):
        created = Created(gte=created, lte=created)
    bounds = {
        "gt": ("seq >=", None if created.gt is None else created.gt + 1),
        "gte": ("seq >=", created.gte),
        "lt": ("seq <", created.lt),
        "lte": ("seq <", None if created.lte is None else created.lte + 1),
    }
    return {
        name: (condition, seconds * SECOND_US)
        for name, (condition, seconds) in bounds.items()
        if seconds is not None
    }
