"""Installs a directory's npm packages from its lock, where the lock has changed.

Node and npm come from PATH, or from their Python wheel.
"""

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

from tests.provision.programs import NotInstalledError


def install(node: Path, project: Path) -> Path:
    """The `node_modules` of a project, as its `package-lock.json` asks for.

    Raises:
        NotInstalledError: npm could not install them.
    """
    modules = project / "node_modules"
    modules.mkdir(exist_ok=True)
    # Test processes run side by side, and npm empties the directory first.
    with (project / "node_modules.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install(node, project, modules / ".kassa-installed")
    return modules


def _install(node: Path, project: Path, installed: Path) -> None:
    lock = project / "package-lock.json"
    if installed.exists() and installed.read_bytes() == lock.read_bytes():
        return
    sys.stderr.write(f"installing the npm packages of {project.name} from their lock ...\n")
    made = subprocess.run(
        [*_npm(node), "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=project,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        why = made.stderr.strip()[-500:]
        raise NotInstalledError(f"NOT INSTALLED: {project.name}'s packages: npm ci: {why}")
    installed.write_bytes(lock.read_bytes())


def _npm(node: Path) -> list[str | Path]:
    on_path = shutil.which("npm")
    if on_path is not None and shutil.which("node") == str(node):
        return [on_path]
    return [node, node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
