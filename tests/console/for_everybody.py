"""What each page of the console is to be: no wider than its window, and nothing for axe-core."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final, Literal

import pytest
from playwright.async_api import Page, ViewportSize

AXE: Final = Path(__file__).parent / "axe"
INSTALL_LIMIT_S: Final = 60.0
PHONE: Final = ViewportSize(width=375, height=800)
DESK: Final = ViewportSize(width=1280, height=900)
THEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
GROUND: Final = "getComputedStyle(document.body).backgroundColor"
OVERFLOW: Final = "document.documentElement.scrollWidth - window.innerWidth"
VIOLATIONS: Final = """
(rules) => axe.run(document, {resultTypes: ["violations"], ...(rules ? {runOnly: rules} : {})})
  .then(({violations}) =>
    violations.map(({id, nodes}) => [id, ...nodes.map(({html}) => html.slice(0, 200))]))
"""
RULES_OF_THEME: Final[dict[str, list[str] | None]] = {"light": None, "dark": ["color-contrast"]}
"""All rules once; another theme has other colours, and nothing else."""


def axe_script(directory: Path) -> str:
    """axe-core's own, from npm by the lock file beside this module, installed in `directory`."""
    if shutil.which("npm") is None and not os.environ.get("CI"):
        pytest.skip("there is no Node here")
    at = directory / "axe"
    shutil.copytree(AXE, at, ignore=shutil.ignore_patterns("node_modules"))
    subprocess.run(
        ("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"),
        cwd=at,
        check=True,
        timeout=INSTALL_LIMIT_S,
    )
    return (at / "node_modules" / "axe-core" / "axe.min.js").read_text()


async def is_for_everybody(page: Page, axe: str) -> set[str]:
    """Assert it of a page that is open, in each theme; the colours of its ground."""
    grounds: set[str] = set()
    await page.evaluate(axe)
    for theme in THEMES:
        await page.emulate_media(color_scheme=theme)
        assert await page.evaluate(OVERFLOW) <= 0, (page.url, page.viewport_size, theme)
        violations = await page.evaluate(VIOLATIONS, RULES_OF_THEME[theme])
        assert violations == [], (page.url, page.viewport_size, theme)
        grounds.add(await page.evaluate(GROUND))
    return grounds
