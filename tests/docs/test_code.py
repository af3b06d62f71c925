"""The Python of the docs is right: each page's blocks are one program, which is typed, and runs."""

import ast
import re
import subprocess
import sys
from inspect import isawaitable
from pathlib import Path
from typing import Any, Final

import pytest

from stack.servers.mongod import Mongod

ROOT: Final = Path(__file__).parents[2]
MYPY_TIMEOUT_S: Final = 100
URI: Final = re.compile(r"mongodb://localhost/(shop)?\?replicaSet=rs0")
LEFT_OUT_BEFORE: Final = """
from dataclasses import dataclass
from typing import Any
from pymongo import AsyncMongoClient
from postbox import Service, Session, Topology, event, transaction

topology = Topology(queues={"shop.events": ["order.placed"]})
client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
    "mongodb://localhost/shop?replicaSet=rs0"
)
shop = Service("shop", client=client, rabbitmq_uri="amqp://localhost/", topology=topology)
orders, invoices = shop.database["orders"], shop.database["invoices"]
await shop.outbox.prepare()

@event("order.billed", subject="order_id")
@dataclass(frozen=True)
class OrderBilled:
    order_id: str
"""
LEFT_OUT_AFTER: Final = """
assert await shop.database["orders"].distinct("_id") == ["o1"]
assert await shop.database["outbox"].distinct("type") == ["order.placed"]
"""
"""The first page shows the use alone; README shows the same."""
PAGES: Final = (
    "index",
    "start",
    "events",
    "handlers",
    "clients",
    "inside",
    "scheduled",
    "topology",
    "testing",
    "migrating",
)
RUN: Final = [page for page in PAGES if page != "start"]
"""That one is a whole program: `test_readme` runs it beside a relay."""


def program(page: str) -> str:
    """The blocks of Python of a page."""
    text = (ROOT / "docs" / f"{page}.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    assert blocks, page
    if page == "index":
        blocks = [LEFT_OUT_BEFORE, *blocks, LEFT_OUT_AFTER]
    return "\n".join(blocks)


def test_the_code_of_every_page_is_typed(tmp_path: Path) -> None:
    """All pages with such code at once, for mypy starts slowly."""
    files = [tmp_path / f"{page}.py" for page in PAGES]
    for page, file in zip(PAGES, files, strict=True):
        file.write_text(program(page))
    strict = ("--strict", "--disable-error-code", "top-level-await")
    where = ("--config-file", "pyproject.toml", "--cache-dir", ".mypy_cache")
    done = subprocess.run(
        (sys.executable, "-m", "mypy", *where, *strict, *files),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=MYPY_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", RUN)
async def test_the_code_of_a_page_runs(page: str, mongod: Mongod) -> None:
    """With what it calls tests; the client that it makes is of a database of the test's."""
    code = URI.sub(mongod.database(f"docs_{page}"), program(page))
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    names: dict[str, Any] = {"__name__": f"docs_{page}"}
    result = eval(compile(code, f"docs/{page}.md", "exec", flags=flags), names)
    if isawaitable(result):
        await result
    for name, value in list(names.items()):
        if name.startswith("test_"):
            await value()
    for owner in (names.get("client"), getattr(names.get("shop"), "client", None)):
        closing = owner.close() if owner is not None else None
        if isawaitable(closing):
            await closing
