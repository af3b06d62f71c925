"""Compares what the provider knows with what the payment service does, both ways, page by page."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from postbox.mongo import Database, Document, bounded
from services.payment.provider.port import Page, Provider
from services.payment.provider.reported import (
    KINDS,
    Reported,
    ReportedCharge,
    read_report,
)

PAGE_PAYMENTS: Final = 500
ASKED_AT_ONCE: Final = 16
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
UNKNOWN: Final = "unknown"
NOT_READ: Final = "cannot be read"
SHOWN_BYTES_MAX: Final = 100


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One charge, refund or dispute, as the provider has it and as the payment service does.

    `body` is what a webhook would report of it; empty where the provider does not know it.
    """

    kind: str
    id: str
    payment_id: str
    there: str
    here: str
    body: bytes = b""

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "body"}

    def __str__(self) -> str:
        of = "" if self.id == self.payment_id else f" of {self.payment_id}"
        return f"{self.kind} {self.id}{of}: there {self.there}, here {self.here}"


class Comparison:
    """One comparison of everything since a moment; `looked` is told how much was, page by page."""

    def __init__(
        self,
        provider: Provider,
        database: Database,
        *,
        since: datetime | None,
        looked: Callable[[int], None],
    ) -> None:
        self._provider = provider
        self._database = database
        self._since = since
        self._looked = looked
        self.compared: Counter[str] = Counter()

    async def differences(self) -> AsyncIterator[Difference]:
        """What differs: first by the provider's list, then by the payments that are here."""
        async for one in self._there():
            yield one
        async for one in self._here():
            yield one

    async def _there(self) -> AsyncIterator[Difference]:
        since = self._since
        position = 0 if since is None else max(0, int((since - EPOCH).total_seconds() * 1e6) - 1)
        async for page in self._provider.pages(position):
            for difference in await self._of_page(page):
                yield difference
            self._looked(self.compared.total())

    async def _of_page(self, page: Page) -> list[Difference]:
        bodies = list(page.reports())
        reports = [(body, _read(body)) for body in bodies]
        rows = {
            kind.collection: await self._rows(
                kind.collection,
                (one.id for _, one in reports if one is not None and one.kind == kind.kind),
            )
            for kind in KINDS.values()
        }
        found = []
        for body, one in reports:
            if one is None:
                self.compared["unreadable"] += 1
                text = body[:SHOWN_BYTES_MAX].decode(errors="replace")
                found.append(
                    Difference(kind="entry", id="", payment_id="", there=text, here=NOT_READ)
                )
                continue
            self.compared[one.kind] += 1
            there, row = said(one), rows[one.collection].get(one.id)
            here = UNKNOWN if row is None else stored(one, row)
            if here != there:
                found.append(
                    Difference(
                        kind=one.kind,
                        id=one.id,
                        payment_id=one.payment_id,
                        there=there,
                        here=here,
                        body=body,
                    )
                )
        return found

    async def _rows(self, collection: str, ids: Iterable[str]) -> dict[str, Document]:
        with bounded():
            found = self._database[collection].find({"_id": {"$in": list(ids)}})
            return {row["_id"]: row async for row in found}

    async def _here(self) -> AsyncIterator[Difference]:
        """Payments that the provider does not know: somebody has to look."""
        last = ""
        while True:
            with bounded():
                page = (
                    self._database["payments"]
                    .find({"_id": {"$gt": last}}, {"known_at": 1, "amount": 1, "currency": 1})
                    .sort("_id", 1)
                    .limit(PAGE_PAYMENTS)
                )
                rows = await page.to_list()
            if not rows:
                return
            last = rows[-1]["_id"]
            mine = [row for row in rows if self._since is None or row["known_at"] >= self._since]
            for start in range(0, len(mine), ASKED_AT_ONCE):
                some = mine[start : start + ASKED_AT_ONCE]
                known = await asyncio.gather(*(self._provider.charge(row["_id"]) for row in some))
                self.compared["payment"] += len(some)
                self._looked(self.compared.total())
                for row, page_of_it in zip(some, known, strict=True):
                    if page_of_it is None:
                        yield Difference(
                            kind="charge",
                            id=row["_id"],
                            payment_id=row["_id"],
                            there=UNKNOWN,
                            here=f"{row['amount']} {row['currency']}",
                        )


def said(one: Reported) -> str:
    """What the provider says of it."""
    if isinstance(one, ReportedCharge):
        return f"{one.amount} {one.currency}"
    return f"{one.amount}, {one.status}"


def stored(one: Reported, row: Document) -> str:
    """What is known here, in the same words."""
    if isinstance(one, ReportedCharge):
        return f"{row['amount']} {row['currency']}"
    return f"{row['amount']}, {row['status']}"


def _read(body: bytes) -> Reported | None:
    try:
        return read_report(body)
    except ValueError:
        return None
