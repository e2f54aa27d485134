"""Checks the page's scripts against Stripe's own types: `python -m tests.provision.typescript`."""

import subprocess
import sys
from pathlib import Path

from tests.provision import node_packages
from tests.provision.programs import NotInstalledError, find_node

PROJECT = Path(__file__).parents[1] / "typescript"
COMPILER = PROJECT / "node_modules" / "typescript" / "bin" / "tsc"


def main() -> int:
    """Installs TypeScript where the lock has changed, then checks; returns the exit code."""
    try:
        node = find_node()
        node_packages.install(node, PROJECT)
    except NotInstalledError as missing:
        sys.stderr.write(f"{missing}\n")
        return 3
    return subprocess.run([node, COMPILER, "--project", PROJECT], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
