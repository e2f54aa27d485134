"""Real Chromium, driven by Playwright, that can reach this machine and nothing else."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from tests.provision.programs import find_chromium

FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """One headless browser with a fresh profile; make a context in it for each visitor.

    Raises:
        NotInstalledError: this machine has no Chromium.
    """
    executable = find_chromium()
    # Chromium's sandbox refuses root, as containers commonly have it.
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, headless=True, args=[*FLAGS, *sandbox]
        )
        try:
            yield browser
        finally:
            browser.close()
