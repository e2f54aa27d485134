"""Checks the page's scripts against Stripe's own types: `python -m tests.provision.typescript`.

Node and npm come from PATH, or from their Python wheel; TypeScript comes by npm, from a lock.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.provision.programs import NotInstalledError, find_node

PROJECT = Path(__file__).parents[1] / "typescript"
LOCK = PROJECT / "package-lock.json"
COMPILER = PROJECT / "node_modules" / "typescript" / "bin" / "tsc"
INSTALLED = PROJECT / "node_modules" / ".kassa-installed"


def main() -> int:
    """Installs TypeScript where the lock has changed, then checks; returns the exit code."""
    try:
        node = find_node()
        _install(node)
    except NotInstalledError as missing:
        sys.stderr.write(f"{missing}\n")
        return 3
    return subprocess.run([node, COMPILER, "--project", PROJECT], check=False).returncode


def _install(node: Path) -> None:
    if INSTALLED.exists() and INSTALLED.read_bytes() == LOCK.read_bytes():
        return
    sys.stderr.write("installing TypeScript from its lock ...\n")
    made = subprocess.run(
        [*_npm(node), "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise NotInstalledError(f"NOT INSTALLED: TypeScript: npm ci: {made.stderr.strip()[-500:]}")
    INSTALLED.write_bytes(LOCK.read_bytes())


def _npm(node: Path) -> list[str | Path]:
    on_path = shutil.which("npm")
    if on_path is not None and shutil.which("node") == str(node):
        return [on_path]
    return [node, node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]


if __name__ == "__main__":
    sys.exit(main())
