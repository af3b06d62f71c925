"""The docs site works opened from disk: it is searched, draws, and loads nothing from elsewhere."""

import fcntl
import os
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Page, expect

from tests.console.chromium import chromium
from website.__main__ import build
from website.layout import BUILD, HTML
from website.links import broken_in_repository, broken_in_site

WIDTHS = (1280, 375)
PAGES = ("index", "reference/postbox", "saga")
LIMIT_MS = 20_000
expect.set_options(timeout=LIMIT_MS)


@pytest.fixture(scope="module")
def site() -> Path:
    """Built by the first worker that needs it, for all workers of the run."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(uuid4()))
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "built_for").open("a+") as built_for:
        fcntl.flock(built_for, fcntl.LOCK_EX)
        built_for.seek(0)
        if built_for.read() != run:
            build()
            built_for.truncate(0)
            built_for.write(run)
    return HTML


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


async def _opened(browser: Browser, width: int) -> tuple[Page, list[str]]:
    """A page of this width, and what is asked of a network while it is used."""
    page = await browser.new_page(viewport={"width": width, "height": 800})
    page.set_default_timeout(LIMIT_MS)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    return page, asked


def _read(path: str) -> str:
    return Path(unquote(path)).read_text()


@pytest.mark.parametrize("width", WIDTHS)
async def test_search_from_disk_finds_a_method(site: Path, browser: Browser, width: int) -> None:
    page, asked = await _opened(browser, width)
    await page.goto(f"file://{site}/index.html")
    await page.locator(".md-search__button:visible, label[for=__search]:visible").click()
    await page.get_by_role("combobox", name="Search").fill("Outbox.add")
    found = page.get_by_role("option", name="Outbox.add").first
    method = re.compile(r"/reference/postbox[.a-z]*\.html\?.*#Outbox\.add$")
    await expect(found).to_have_attribute("href", method)
    link = urlsplit(await found.get_attribute("href") or "")
    assert f'id="{link.fragment}"' in _read(link.path)
    assert [url for url in asked if not url.startswith("file:")] == []


@pytest.mark.parametrize("width", WIDTHS)
async def test_every_kind_of_page_fits_and_loads_nothing_from_elsewhere(
    site: Path, browser: Browser, width: int
) -> None:
    page, asked = await _opened(browser, width)
    for name in PAGES:
        await page.goto(f"file://{site}/{name}.html")
        if name == "saga":
            await expect(page.locator("div.mermaid").first).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    assert [url for url in asked if not url.startswith("file:")] == []


def test_every_link_of_the_site_leads_somewhere(site: Path) -> None:
    assert broken_in_site(site) == []


def test_what_a_page_loads_from_elsewhere_and_links_that_lead_nowhere_are_found(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.html").write_text(
        '<h1 id="a"></h1><a href="a.html#a"></a><a href="#b"></a><a href="b.html"></a>'
        '<a href="https://example.org/"></a><script src="https://example.org/a.js"></script>'
    )
    (tmp_path / "a.css").write_text("@import url(https://example.org/font.css)")
    assert broken_in_site(tmp_path) == [
        "a.html: loads https://example.org/a.js",
        "a.html: #b: no such anchor",
        "a.html: b.html: no such file",
        "a.css: loads https://example.org/font.css",
    ]


def test_links_of_pages_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    subprocess.run(("git", "init", "--quiet", tmp_path), check=True)
    (tmp_path / "a.md").write_text(
        "# It's `A` – again\n[1](#its-a--again) [2](b.md#b-1) [3](b.md#c) [4](c.md)\n"
        "```\n[5](c.md)\n```\n"
    )
    (tmp_path / "b.md").write_text("## B\n## B\n")
    assert broken_in_repository(tmp_path) == [
        "a.md:2: b.md#c: no such heading",
        "a.md:2: c.md: no such file",
    ]
