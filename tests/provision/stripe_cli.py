"""Stripe's own command line, unmodified, pointed at a server on this machine.

Its binary comes from npm by the lock of `tests/stripe_cli`, for the platforms that the lock has.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.provision import node_packages
from tests.provision.programs import NotInstalledError, find_node

PROJECT = Path(__file__).parents[1] / "stripe_cli"
_SECONDS = 60.0


def find_stripe_cli() -> Path:
    """The program.

    Raises:
        NotInstalledError: npm could not install it, or the lock has none for this platform.
    """
    modules = node_packages.install(find_node(), PROJECT)
    for program in sorted(modules.glob("@stripe/cli-*/bin/stripe")):
        return program
    raise NotInstalledError("NOT INSTALLED: Stripe's command line (the lock has Linux on x64 only)")


@dataclass(frozen=True)
class StripeCli:
    """The program, with a home of its own.

    Attributes:
        program: where it is.
        home: where it may write.
        server: the base address it talks to.
        key: the secret key it uses.
    """

    program: Path
    home: Path
    server: str
    key: str

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Do one command to its end, whatever the end is."""
        return subprocess.run(
            [self.program, *arguments, "--api-base", self.server, "--api-key", self.key],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    def triggers(self) -> list[str]:
        """The events that `stripe trigger` knows how to bring about."""
        listed = self.run("trigger", "--help").stdout.partition("Supported events:")[2]
        return re.findall(r"^  ([a-z0-9_.]+)$", listed.partition("Usage:")[0], re.MULTILINE)

    def _environment(self) -> dict[str, str]:
        nowhere = "http://127.0.0.1:9"  # it looks for newer versions of itself, and must not
        ours = {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home)}
        ours |= {"STRIPE_CLI_TELEMETRY_OPTOUT": "1", "HTTPS_PROXY": nowhere, "HTTP_PROXY": nowhere}
        return {"PATH": os.environ["PATH"]} | ours
