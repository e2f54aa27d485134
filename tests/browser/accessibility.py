"""axe-core's verdict on a page, iframes included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page

from tests.provision import node_packages, typescript
from tests.provision.programs import find_node

WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa")
GOOD_PRACTICE = (*WCAG, "best-practice")
_RUN = "tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})"


def axe_core() -> Path:
    """The library's one file, from the lock of the tools."""
    node_packages.install(find_node(), typescript.PROJECT)
    return typescript.PROJECT / "node_modules" / "axe-core" / "axe.min.js"


def bring(context: BrowserContext, axe: Path) -> None:
    """Give every document of the context its axe.

    It comes with the browser's own tools, so that the page's policy stays in force.
    """
    context.add_init_script(path=axe)


def violations(page: Page, rules: tuple[str, ...] = GOOD_PRACTICE) -> list[str]:
    """What breaks the rules, by default those of WCAG 2.2 AA and good practice.

    A page between two states has colours of neither, so what breaks must still be broken a moment
    later.
    """
    found = _violations(page, rules)
    if found:
        page.wait_for_timeout(1000)
        found = _violations(page, rules)
    return found


def _violations(page: Page, rules: tuple[str, ...]) -> list[str]:
    found: Any = page.evaluate(_RUN, list(rules))
    return [
        f"{each['id']}: {each['help']}: {node['target']} {node['failureSummary']}"
        for each in found["violations"]
        for node in each["nodes"]
    ]
