"""A program that takes orders with one kind of client, and gives up every third of them.

`python -m tests.postbox.clients.writer KIND COUNT`. Killed and started again, it goes on with the
orders that are not taken yet.
"""

import asyncio
import os
import sys
from typing import Any

from postbox.errors import DatabaseUnavailable
from tests.postbox.clients.shop import Shop


class Aborted(Exception):
    """The program does not want this order after all."""


async def write(shop: Shop, count: int) -> None:
    taken, _ = await shop.placed()
    for number in range(count):
        await take(shop, f"{shop.kind}-{number}", taken)
        if number % 3 == 0:
            await abort(shop, f"aborted-{shop.kind}-{number}")


async def take(shop: Shop, order: str, taken: list[str]) -> None:
    """Whoever was killed in mid-transaction has its key until the server ends that."""
    while order not in taken:
        try:
            await shop.transaction(lambda session: shop.place(session, order))
        except DatabaseUnavailable:
            continue
        return


async def abort(shop: Shop, order: str) -> None:
    async def body(session: Any) -> None:
        await shop.place(session, order)
        raise Aborted

    try:
        await shop.transaction(body)
    except Aborted:
        return
    except DatabaseUnavailable:  # as in `take`: it did not come to its own end
        return


async def main(kind: str, count: str) -> None:
    shop = Shop(kind, os.environ["MONGO_URI"])
    await write(shop, int(count))
    await shop.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
