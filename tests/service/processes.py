"""`kassa serve` as everybody runs it: a process of its own, on books of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from service.settings import Settings

API_KEY = "key-of-the-merchants-server"
SECRET_KEY = "a-secret-key-for-tests"
_READY_SECONDS = 60.0
_STOP_SECONDS = 60.0


@dataclass(frozen=True)
class KassaProcess:
    """A running `kassa serve`, with its simulator and real webhooks.

    Attributes:
        url: ``http://127.0.0.1:PORT``.
        settings: what the process was started with.
    """

    url: str
    settings: Settings
    environment: dict[str, str]
    directory: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        """What it wrote to stderr."""
        return (self.directory / "kassa.log").read_text(encoding="utf-8")

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another `kassa` command on the same books."""
        return subprocess.run(
            [sys.executable, "-m", "service.cli", *arguments],
            env=self.environment,
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
        )

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end, wait until it has; returns its exit code."""
        self.process.send_signal(how)
        return self.process.wait(_STOP_SECONDS)


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(
    directory: Path, *, port: int = 0, workers: int = 2, **variables: str
) -> Iterator[KassaProcess]:
    """Start the service with an SQLite store in a directory, and wait until it is ready.

    Args:
        directory: where its books and its log are; what is there already is kept.
        port: 0 takes a free one.
        workers: processes that serve.
        variables: more of its environment, or other than the usual.
    """
    kassa = _started(directory, port or free_port(), workers, variables)
    try:
        _wait_until_ready(kassa)
        yield kassa
    finally:
        if kassa.process.poll() is None:
            kassa.stop()


def _started(directory: Path, port: int, workers: int, variables: dict[str, str]) -> KassaProcess:
    environment = _environment(directory) | variables
    command = [sys.executable, "-m", "service.cli", "serve", "--quiet"]
    command += ["--port", str(port), "--workers", str(workers)]
    with (directory / "kassa.log").open("ab") as log:
        process = subprocess.Popen(
            command, env=environment, cwd=directory, stdin=subprocess.DEVNULL, stderr=log
        )
    settings = Settings.from_environment(environment, directory=directory)
    return KassaProcess(f"http://127.0.0.1:{port}", settings, environment, directory, process)


def _environment(directory: Path) -> dict[str, str]:
    """This process's environment, less every setting of a Kassa that may be installed here."""
    ours = {
        "KASSA_DATABASE_URL": f"sqlite:///{directory / 'kassa.db'}",
        "KASSA_SECRET_KEY": SECRET_KEY,
        "KASSA_API_KEYS": API_KEY,
    }
    foreign = ("KASSA_", "STRIPE_")
    return {k: v for k, v in os.environ.items() if not k.startswith(foreign)} | ours


def _wait_until_ready(kassa: KassaProcess) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and kassa.process.poll() is None:
        try:
            if requests.get(f"{kassa.url}/readyz", timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.05)
    raise AssertionError(f"kassa serve did not become ready:\n{kassa.log}")
