"""The simulator as a process of its own: how to start one, and what it does until it ends."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from service.errors import ConfigurationError, Unavailable
from service.payments.simulator.server import SimulatorServer
from service.payments.simulator.webhooks import Endpoint
from service.payments.simulator.wire import LIVE_PREFIXES

MODULE = "service.payments.simulator"
_READY_SECONDS = 20.0
_STOP_SECONDS = 15.0


@dataclass(frozen=True)
class SimulatorProcess:
    """A running simulator.

    Attributes:
        url: ``http://127.0.0.1:PORT``.
    """

    url: str
    _process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def start(
    database: Path,
    *,
    port: int,
    webhook_url: str,
    webhook_secret: str,
    held: bool = False,
    origin: str = "",
) -> SimulatorProcess:
    """Start a simulator and wait until it answers.

    Args:
        database: the file shared with the browser application; made when absent.
        port: 0 takes a free one.
        webhook_url: where events go, ``http://`` on the loopback.
        webhook_secret: signs them.
        held: whether events stay in the queue, for another simulator of the same file to send.
        origin: where the shop is seen, for addresses of pages that Stripe would host.

    Raises:
        Unavailable: it did not start; its own message is on stderr.
    """
    # -P: a folder named service in the current directory is not us.
    command = [sys.executable, "-P", "-m", MODULE, "--database", str(database)]
    command += ["--port", str(port)]
    command += ["--webhook-url", webhook_url, "--webhook-secret", webhook_secret]
    command += ["--hold-webhooks"] if held else []
    command += ["--origin", origin]
    process = subprocess.Popen(  # noqa: S603 - our own module, no shell
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Ctrl-C is for the service, whose last requests still pay; this one ends with its stdin.
        start_new_session=True,
    )
    # A start that hangs is ended, which ends the wait for its first line as well.
    watchdog = threading.Timer(_READY_SECONDS, process.kill)
    watchdog.start()
    first = process.stdout.readline() if process.stdout else ""
    watchdog.cancel()
    word, _, url = first.strip().partition(" ")
    running = SimulatorProcess(url, process)
    if word != "ready":
        running.stop()
        raise Unavailable("the Stripe simulator did not start")
    return running


def refuse_live_keys(environment: Mapping[str, str]) -> None:
    """A simulator beside live keys is a mistake waiting to happen.

    Raises:
        ConfigurationError: some variable holds a live Stripe key; the message names it.
    """
    for name, value in environment.items():
        if value.strip().startswith(LIVE_PREFIXES):
            raise ConfigurationError(
                f"{name} holds a live Stripe key: the simulator does not start beside it"
            )


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Serve until stdin closes or SIGTERM comes.

    Args:
        arguments: the command line without the program's name.
        environment: looked at for live keys, and for nothing else.

    Returns:
        The exit code: 0 done, 2 refused.
    """
    options = _options(arguments)
    try:
        refuse_live_keys(environment)
        endpoint = Endpoint.parse(options.webhook_url, options.webhook_secret)
    except ConfigurationError as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 2
    server = SimulatorServer(
        options.database,
        port=options.port,
        endpoint=endpoint,
        clock=lambda: datetime.now(UTC),
        held=options.hold_webhooks,
        origin=options.origin,
    )
    ended = _told_to_end(sys.stdin)
    server.start()
    sys.stdout.write(f"ready {server.url}\n")
    sys.stdout.flush()
    ended.wait()
    server.stop()
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    parser.add_argument("--database", type=Path, required=True, help="the SQLite file")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--webhook-url", required=True, help="http:// on the loopback")
    parser.add_argument("--webhook-secret", required=True, help="signs the webhooks")
    parser.add_argument("--hold-webhooks", action="store_true", help="send none of them")
    parser.add_argument("--origin", default="", help="of the shop that mounts its pages")
    return parser.parse_args(arguments)


def _told_to_end(stdin: IO[str]) -> threading.Event:
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())

    def watch() -> None:
        while stdin.read(4096):
            continue
        ended.set()

    threading.Thread(target=watch, daemon=True).start()
    return ended
