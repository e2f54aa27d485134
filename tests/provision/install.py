"""Installs the programs that the tests drive, by the system's own packages where they are missing.

Run before the tests: `python -m tests.provision.install`. What it can't install it names, with the
reason; the tests that need it then fail and say the same.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.provision.programs import (
    NotInstalledError,
    find_chromium,
    find_driver,
    find_node,
    find_postgresql,
)

BY_HAND = "install it by hand"
LEAVE_OUT = ", or leave its tests out with `make test WITHOUT={}`"


@dataclass(frozen=True)
class Program:
    """A program, how to find it, and the packages that bring it.

    Attributes:
        marker: the pytest marker of the tests that need it, if they can be left out.
        name: what people call it.
        find: gives its path or raises NotInstalledError.
        packages: Debian's and Ubuntu's package names; none when it comes with Python's packages.
    """

    marker: str | None
    name: str
    find: Callable[[], Path]
    packages: tuple[str, ...] = ()


PROGRAMS = (
    # A bare machine has no fonts, and a page without fonts has no layout to test.
    Program("browser", "Chromium", find_chromium, ("chromium", "fonts-liberation")),
    Program("postgresql", "PostgreSQL server", find_postgresql, ("postgresql",)),
    # Node's own builds want this library, which a bare machine lacks.
    Program("browser", "Playwright's driver", find_driver, ("libatomic1",)),
    Program(None, "Node", find_node, ("libatomic1",)),
)


def install_missing(left_out: set[str]) -> list[str]:
    """Installs what is missing and asked for; returns a sentence for each that stays missing."""
    missing = [each for each in PROGRAMS if each.marker not in left_out and not _present(each)]
    packages = [package for program in missing for package in program.packages]
    reason = _install(packages) if packages else ""
    return [
        f"NOT INSTALLED: {program.name}: {reason or 'its packages did not bring it'}; "
        f"{BY_HAND}{LEAVE_OUT.format(program.marker) if program.marker else ''}"
        for program in missing
        if not _present(program)
    ]


def _present(program: Program) -> bool:
    try:
        path = program.find()
    except NotInstalledError:
        return False
    sys.stderr.write(f"{program.name}: {path}\n")
    return True


def _install(packages: list[str]) -> str:
    """Installs by apt-get; returns why it could not, or nothing."""
    if shutil.which("apt-get") is None:
        return "this system has no apt-get"
    prefix = _as_root()
    if prefix is None:
        return "needs root or passwordless sudo"
    sys.stderr.write(f"installing {', '.join(packages)} with apt-get ...\n")
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        ended = _apt_get(prefix, arguments)
        if ended.returncode:
            why = (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1]
            return f"apt-get {arguments[0]} failed: {why}"
    return ""


def _apt_get(prefix: list[str], arguments: list[str]) -> "subprocess.CompletedProcess[str]":
    unattended: Mapping[str, str] = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(
        [*prefix, "apt-get", "--quiet", *arguments],
        env=unattended,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _as_root() -> list[str] | None:
    """What to put before a command so that root runs it; None when nothing would."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    return ["sudo", "-n", "--preserve-env=DEBIAN_FRONTEND"] if asked.returncode == 0 else None


def main(left_out: list[str]) -> None:
    """Installs, then names what is missing. Never fails: the tests that need it will."""
    for sentence in install_missing(set(" ".join(left_out).replace(",", " ").split())):
        sys.stderr.write(f"{sentence}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
